/** A plasma fractal by diamonds and squares, Fournier et al. 1982, on a torus. */
import type { Rng } from '../../tensor/rng.ts';

/** Heights `[side,side]` from 0 to 1; `side` is a power of two. Each finer pattern is `decay` times smaller. */
export function plasma(side: number, decay: number, rng: Rng): Float64Array {
  const heights = new Float64Array(side * side);
  let wibble = 100;
  for (let step = side; step >= 2; step /= 2) {
    refine(heights, side, step, wibble, rng);
    wibble /= decay;
  }
  const least = heights.reduce((low, value) => Math.min(low, value));
  const raised = heights.map((value) => value - least);
  const most = raised.reduce((high, value) => Math.max(high, value));
  return raised.map((value) => value / most);
}

/** Fills the places half a step between those that are known: the middles of squares, then those of their sides. */
function refine(heights: Float64Array, side: number, step: number, wibble: number, rng: Rng): void {
  const half = step / 2;
  const turn = (i: number) => (i + side) % side;
  const at = (y: number, x: number) => heights[turn(y) * side + turn(x)] as number;
  /** The mean of four, shaken; the sums in the order of the authors' code. */
  const fill = (fromY: number, fromX: number, sum: (y: number, x: number) => number) => {
    const made: number[] = [];
    for (let y = fromY; y < side; y += step)
      for (let x = fromX; x < side; x += step) made.push(sum(y, x) / 4 + wibble * (-wibble + 2 * wibble * rng.next()));
    let next = 0;
    for (let y = fromY; y < side; y += step) for (let x = fromX; x < side; x += step) heights[y * side + x] = made[next++] as number;
  };
  const column = (y: number, x: number) => at(y - half, x) + at(y + half, x);
  fill(half, half, (y, x) => column(y, x - half) + column(y, x + half));
  fill(0, half, (y, x) => column(y, x) + (at(y, x - half) + at(y, x + half)));
  fill(half, 0, (y, x) => at(y, x + half) + at(y, x - half) + column(y, x));
}
