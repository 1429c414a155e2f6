/** Sizes and shapes of the windows of the Square attack, Andriushchenko et al. 2020 (arXiv 1912.00049), sections 4 and A. */
import type { Rng } from '../../../tensor/rng.ts';

/** From which iteration on, of 10,000, the share of changed pixels is divided by what. */
const HALVINGS = [
  [10, 2],
  [50, 4],
  [200, 8],
  [500, 16],
  [1000, 32],
  [2000, 64],
  [4000, 128],
  [6000, 256],
  [8000, 512],
] as const;

/** The share of pixels to change at `iteration` (from 0) of `queries`. `rescale` stretches the schedule of 10,000 iterations to `queries`. */
export function shareOfPixels(p: number, iteration: number, queries: number, rescale: boolean): number {
  const at = rescale ? Math.floor((iteration / queries) * 10000) : iteration;
  let divisor = 1;
  for (const [after, by] of HALVINGS) if (at > after) divisor = by;
  return p / divisor;
}

/** The side of the window for a share of the pixels of a `height` x `width` image: odd and at least 3 where windows have a shape (L2, L1). */
export function sideOf(share: number, height: number, width: number, shaped: boolean): number {
  let side = Math.max(Math.round(Math.sqrt(share * height * width)), shaped ? 3 : 1);
  if (shaped && side % 2 === 0) side++;
  return Math.min(side, height, width);
}

/** How a norm adds up: `root` of the summed `mass` of the values. */
export interface Measure {
  readonly name: string;
  mass(v: number): number;
  root(mass: number): number;
  /** How fast the rectangles of a window lose weight: the k-th has `1 / k ** falloff`. */
  readonly falloff: number;
}

/** Concentric rectangles of falling weight, `rows` x `columns`, scaled to norm 1 (eq. 2 of the paper for L2). */
function bumps(rows: number, columns: number, measure: Measure): Float64Array {
  const out = new Float64Array(rows * columns);
  const centerRow = Math.floor(rows / 2);
  const centerColumn = Math.floor(columns / 2);
  for (let k = 0; k < Math.max(centerRow, centerColumn) + 1; k++) {
    const weight = 1 / (k + 1) ** measure.falloff;
    for (let r = Math.max(centerRow - k, 0); r < Math.min(centerRow + k + 1, rows); r++)
      for (let c = Math.max(centerColumn - k, 0); c < Math.min(centerColumn + k + 1, columns); c++)
        out[r * columns + c] = (out[r * columns + c] as number) + weight;
  }
  return scaled(out, measure);
}

function scaled(values: Float64Array, { mass, root }: Measure): Float64Array {
  const size = root(values.reduce((sum, v) => sum + mass(v), 0));
  return values.map((v) => v / size);
}

const shapes = new Map<string, Float64Array>();

/** The window's shape, `side` x `side`, norm 1: a bump above its negative. The same array each time: not to be changed. */
function upright(side: number, measure: Measure): Float64Array {
  const key = `${measure.name} ${side}`;
  const known = shapes.get(key);
  if (known) return known;
  const top = Math.floor(side / 2);
  const out = new Float64Array(side * side);
  out.set(bumps(top, side, measure));
  out.set(
    bumps(side - top, side, measure).map((v) => -v),
    top * side,
  );
  const shape = scaled(out, measure);
  shapes.set(key, shape);
  return shape;
}

/** The value of a window at a row and a column. */
export type WindowShape = (row: number, column: number) => number;

/** A window's shape, upright or lying with even chance. */
export function randomShape(side: number, measure: Measure, rng: Rng): WindowShape {
  const shape = upright(side, measure);
  return rng.next() > 0.5 ? (r, c) => shape[c * side + r] as number : (r, c) => shape[r * side + c] as number;
}
