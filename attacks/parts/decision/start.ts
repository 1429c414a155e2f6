/** Where a search that sees labels alone starts: a wrong point, wherever it lies in the box. */
import type { Rng } from '../../../tensor/rng.ts';
import type { Shape } from '../../../tensor/tf.ts';
import { ask, type Questions } from './inquiry.ts';

/**
 * The first random image that is not classified as the example is. The first is white noise, as published; because a network may say the
 * same of all white noise, noise of coarser and coarser squares takes turns with it, up to a single colour.
 */
export function* wrongStart([h, w, c]: Shape, rng: Rng): Questions<Float32Array> {
  const sides = [1];
  while ((sides.at(-1) as number) < Math.max(h, w)) sides.push(2 * (sides.at(-1) as number));
  for (let nth = 0; ; nth++) {
    const point = squares([h, w, c], sides[nth % sides.length] as number, rng);
    if (yield* ask(point)) return point;
  }
}

/** Squares of `side` pixels, each of one uniform colour. */
function squares([h, w, c]: Shape, side: number, rng: Rng): Float32Array {
  const columns = Math.ceil(w / side);
  const colours = rng.uniform(Math.ceil(h / side) * columns * c);
  const point = new Float32Array(h * w * c);
  for (let i = 0; i < point.length; i++) {
    const [row, column] = [Math.floor(i / (w * c)), Math.floor(i / c) % w];
    point[i] = colours[(Math.floor(row / side) * columns + Math.floor(column / side)) * c + (i % c)] as number;
  }
  return point;
}
