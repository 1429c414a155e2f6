/** The broken examples whose pixels a cell keeps. */
import { tf } from '../../tensor/tf.ts';
import type { EvaluationState } from './state.ts';

/** Which broken examples keep their pixels: the first so many by index, and every one of the first so many examples. */
export interface Wanted {
  readonly broken: number;
  readonly among: number;
}

/** Those of examples in the order of their index. */
export function wantedOf<E extends { readonly id: number }>(sorted: readonly E[], { broken, among }: Wanted): E[] {
  return sorted.filter(({ id }, i) => i < broken || id < among);
}

/** Keeps the pixels of the wanted examples, whichever member broke them. */
export async function keepBroken(
  state: Pick<EvaluationState, 'kept' | 'adversarial'>,
  wanted: Wanted,
  adversarial: tf.Tensor4D,
  ids: readonly number[],
  broken: readonly boolean[],
): Promise<void> {
  // kept ones are in the order of their index
  const last = state.kept[wanted.broken - 1] ?? Number.POSITIVE_INFINITY;
  const room = (id: number) => id < wanted.among || (wanted.broken > 0 && id < last);
  const rows = ids.flatMap((id, i) => (broken[i] && room(id) ? [i] : []));
  if (rows.length === 0) return;
  const picked = tf.tidy(() => adversarial.gather(tf.tensor1d(rows, 'int32')));
  const pixels = (await picked.data()) as Float32Array;
  picked.dispose();
  const size = pixels.length / rows.length;
  const all = [
    ...state.kept.map((id, i) => ({ id, pixels: state.adversarial[i] as Float32Array })),
    ...rows.map((row, i) => ({ id: ids[row] as number, pixels: pixels.slice(i * size, (i + 1) * size) })),
  ];
  const best = wantedOf(
    all.sort((a, b) => a.id - b.id),
    wanted,
  );
  state.kept = best.map((e) => e.id);
  state.adversarial = best.map((e) => e.pixels);
}
