/** An image after JPEG: what the Independent JPEG Group's library, with its defaults, makes of it and reads back. Writing the coefficients to a file loses nothing and is left out. */
import { CHROMINANCE, LUMINANCE } from '../../../tensor/jpeg-tables.ts';
import { forward, inverse } from './dct.ts';

/** Steps of the coefficients at a quality from 1 to 100. */
function steps(table: readonly number[], quality: number): number[] {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return table.map((step) => Math.min(Math.max(Math.floor((step * scale + 50) / 100), 1), 255));
}

/** One channel, `[side,side]` of 0..255. */
type Plane = Uint8Array;

const byte = (x: number): number => Math.min(Math.max(x, 0), 255);

/** `image` `[side,side,3]` after compression at a quality, its colours at half the resolution; `side` is a multiple of 16. */
export function jpeg(image: Uint8Array, side: number, quality: number): Uint8Array {
  const [y, cb, cr] = toYcc(image);
  const colours = steps(CHROMINANCE, quality);
  const colour = (plane: Plane) => upsampled(coded(downsampled(plane, side), side / 2, colours), side / 2);
  return toRgb(coded(y, side, steps(LUMINANCE, quality)), colour(cb), colour(cr));
}

/** Weights are in 1/65536, as in the library. */
function toYcc(image: Uint8Array): [Plane, Plane, Plane] {
  const plane = (r: number, g: number, b: number, offset: number): Plane =>
    Uint8Array.from({ length: image.length / 3 }, (_, i) => {
      const [red, green, blue] = image.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
      return Math.floor((r * red + g * green + b * blue + offset) / 65536);
    });
  const half = 128 * 65536 + 32767;
  return [plane(19595, 38470, 7471, 32768), plane(-11059, -21709, 32768, half), plane(32768, -27439, -5329, half)];
}

function toRgb(y: Plane, cb: Plane, cr: Plane): Uint8Array {
  const out = new Uint8Array(3 * y.length);
  y.forEach((light, i) => {
    const [b, r] = [(cb[i] as number) - 128, (cr[i] as number) - 128];
    out[3 * i] = byte(light + Math.floor((91881 * r + 32768) / 65536));
    out[3 * i + 1] = byte(light + Math.floor((-22554 * b - 46802 * r + 32768) / 65536));
    out[3 * i + 2] = byte(light + Math.floor((116130 * b + 32768) / 65536));
  });
  return out;
}

/** Means of 2 x 2 pixels, halves rounded down and up in turn. */
function downsampled(plane: Plane, side: number): Plane {
  const half = side / 2;
  return Uint8Array.from({ length: half * half }, (_, i) => {
    const at = 2 * Math.floor(i / half) * side + 2 * (i % half);
    const sum = [at, at + 1, at + side, at + side + 1].reduce((total, place) => total + (plane[place] as number), 0);
    return Math.floor((sum + 1 + (i % 2)) / 4);
  });
}

/** Twice as many pixels a side: three parts of the nearest and one of the next, both ways; halves rounded up and down in turn. */
function upsampled(plane: Plane, half: number): Plane {
  const side = 2 * half;
  const inside = (i: number) => Math.min(Math.max(i, 0), half - 1);
  const at = (row: number, column: number) => plane[inside(row) * half + inside(column)] as number;
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side), i % side];
    const [nearRow, nearColumn] = [Math.floor(row / 2), Math.floor(column / 2)];
    const nextRow = nearRow + (row % 2 === 0 ? -1 : 1);
    const nextColumn = nearColumn + (column % 2 === 0 ? -1 : 1);
    const columnOf = (c: number) => 3 * at(nearRow, c) + at(nextRow, c);
    return Math.floor((3 * columnOf(nearColumn) + columnOf(nextColumn) + 8 - (column % 2)) / 16);
  });
}

/** A channel whose coefficients were rounded to multiples of `table`. */
function coded(plane: Plane, side: number, table: readonly number[]): Plane {
  const out = new Uint8Array(plane.length);
  for (let top = 0; top < side; top += 8)
    for (let left = 0; left < side; left += 8) {
      const place = (i: number) => (top + Math.floor(i / 8)) * side + left + (i % 8);
      const block = Int32Array.from({ length: 64 }, (_, i) => (plane[place(i)] as number) - 128);
      forward(block);
      // coefficients are 8 times too large here
      const rounded = block.map((c, i) => Math.sign(c) * Math.floor((Math.abs(c) + 4 * (table[i] as number)) / (8 * (table[i] as number))));
      const restored = rounded.map((c, i) => c * (table[i] as number));
      inverse(restored);
      for (const [i, sample] of restored.entries()) out[place(i)] = byte(sample + 128);
    }
  return out;
}
