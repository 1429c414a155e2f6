/**
 * Resizing as the Python Imaging Library does it, whose numbers published models are tested with: a separable filter as wide as the
 * reduction (antialiased), weights and results in fixed point, first along rows, then along columns.
 */
import type { Image } from './image.ts';

export const INTERPOLATIONS = ['bilinear', 'bicubic'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

interface Filter {
  /** Weight of a source pixel at a distance, in pixels of the coarser of source and result. */
  weight(distance: number): number;
  /** Where the weights end. */
  readonly support: number;
}

/** Keys 1981, with a = -1/2. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  bilinear: { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { support: 2, weight: cubic },
};

/** Bits behind the point of a weight: two are left for weights that overshoot, eight for the pixel, of 32. */
const ONE = 2 ** 22;

interface Taps {
  /** The first source pixel. */
  readonly from: number;
  /** Of that and its neighbours, in units of `1 / ONE`; they add up to about `ONE`. */
  readonly weights: readonly number[];
}

/** What each of `to` pixels is made of. */
function tapsOf(from: number, to: number, { support, weight }: Filter): Taps[] {
  const scale = from / to;
  const wide = Math.max(1, scale);
  const reach = support * wide;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: end - first }, (_, k) => weight((first + k - centre + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { from: first, weights: weights.map((w) => Math.sign(w) * Math.floor(Math.abs(w / sum) * ONE + 0.5)) };
  });
}

const toByte = (sum: number) => Math.min(255, Math.max(0, Math.floor((sum + ONE / 2) / ONE)));

function resizeRows({ width, height, pixels }: Image, to: number, filter: Filter): Image {
  const out = new Uint8Array(height * to * 3);
  const taps = tapsOf(width, to, filter);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < to; x++) {
      const { from, weights } = taps[x] as Taps;
      let [red, green, blue] = [0, 0, 0];
      for (let k = 0, at = (y * width + from) * 3; k < weights.length; k++, at += 3) {
        const weight = weights[k] as number;
        red += weight * (pixels[at] as number);
        green += weight * (pixels[at + 1] as number);
        blue += weight * (pixels[at + 2] as number);
      }
      const at = (y * to + x) * 3;
      out[at] = toByte(red);
      out[at + 1] = toByte(green);
      out[at + 2] = toByte(blue);
    }
  return { width: to, height, pixels: out };
}

function resizeColumns({ width, height, pixels }: Image, to: number, filter: Filter): Image {
  const row = width * 3;
  const out = new Uint8Array(to * row);
  const sums = new Float64Array(row);
  for (const [y, { from, weights }] of tapsOf(height, to, filter).entries()) {
    sums.fill(0);
    for (const [k, weight] of weights.entries())
      for (let i = 0, at = (from + k) * row; i < row; i++, at++) sums[i] = (sums[i] as number) + weight * (pixels[at] as number);
    for (let i = 0; i < row; i++) out[y * row + i] = toByte(sums[i] as number);
  }
  return { width, height: to, pixels: out };
}

/** The image in another size. A side that stays is not filtered. */
export function resize(image: Image, width: number, height: number, interpolation: Interpolation): Image {
  const filter = FILTERS[interpolation];
  const rows = image.width === width ? image : resizeRows(image, width, filter);
  return rows.height === height ? rows : resizeColumns(rows, height, filter);
}
