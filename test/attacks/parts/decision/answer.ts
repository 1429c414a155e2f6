/** Answers the questions of a search by decisions on the host, without a target. */
import type { Questions } from '../../../../attacks/parts/decision/inquiry.ts';

/** Every point asked about, in order, until there are `queries` of them. */
export function* points(
  questions: Questions<never>,
  d: number,
  queries: number,
  isWrong: (point: Float32Array) => boolean,
): Generator<Float32Array> {
  for (let asked = 0; ; ) {
    const inquiry = questions.next().value;
    for (let i = 0; i < inquiry.points; i++) {
      if (asked++ === queries) return;
      const point = new Float32Array(d);
      inquiry.write(point);
      yield point.slice();
      inquiry.hear(point, isWrong(point));
    }
  }
}
