/** Images sheared by an affine map, as OpenCV does it, and displaced pixel by pixel, as scipy does it; straight lines between pixels. */
import { place } from './filter.ts';
import { mirrored } from './focus.ts';

/** `[a,b,c,d,e,f]`: x' = ax + by + c, y' = dx + ey + f. */
export type Affine = readonly [number, number, number, number, number, number];

/** The map of three points to three others, each `[x,y,x,y,x,y]`. */
export function affineOf(from: readonly number[], to: readonly number[]): Affine {
  const [x0, y0, x1, y1, x2, y2] = from as [number, number, number, number, number, number];
  const det = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  const row = (offset: 0 | 1): [number, number, number] => {
    const [u0, u1, u2] = [to[offset], to[2 + offset], to[4 + offset]] as [number, number, number];
    const a = ((u1 - u0) * (y2 - y0) - (u2 - u0) * (y1 - y0)) / det;
    const b = ((x1 - x0) * (u2 - u0) - (x2 - x0) * (u1 - u0)) / det;
    return [a, b, u0 - a * x0 - b * y0];
  };
  return [...row(0), ...row(1)];
}

function inverse([a, b, c, d, e, f]: Affine): Affine {
  const det = a * e - b * d;
  const [p, q, r, s] = [e / det, -b / det, -d / det, a / det];
  return [p, q, -p * c - q * f, r, s, -r * c - s * f];
}

/** Places are counted in 1/1024, then in 1/32 of a pixel. */
const [FINE, COARSE] = [1024, 32];

const even = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** The four pixels around a place, by their values' places, and how far to the right and down of the first it is, in [0,1). */
interface Corners {
  readonly places: readonly [number, number, number, number];
  readonly right: number;
  readonly down: number;
}

/** `values` `[side,side,channels]` moved by `map`, mirrored at the border with the end once. */
export function warped(values: Float32Array, side: number, map: Affine): Float32Array {
  const [a, b, c, d, e, f] = inverse(map);
  const whole = (along: number, start: number) =>
    Math.floor((even(start * FINE) + FINE / COARSE / 2 + even(along * FINE)) / (FINE / COARSE));
  return everyPixel(values, side, singles, (row, column, channels) => {
    const x = whole(a * column, b * row + c);
    const y = whole(d * column, e * row + f);
    const [left, top] = [Math.floor(x / COARSE), Math.floor(y / COARSE)];
    const at = (r: number, q: number) => (mirrored(r, side) * side + mirrored(q, side)) * channels;
    const places = [at(top, left), at(top, left + 1), at(top + 1, left), at(top + 1, left + 1)] as const;
    return { places, right: (x & 31) / COARSE, down: (y & 31) / COARSE };
  });
}

/** Every pixel taken from `dx` and `dy` `[side,side]` away, mirrored at the border with the end twice. */
export function displaced(values: Float32Array, side: number, dx: Float32Array, dy: Float32Array): Float32Array {
  return everyPixel(values, side, doubles, (row, column, channels) => {
    const y = row + (dy[row * side + column] as number);
    const x = column + (dx[row * side + column] as number);
    const [top, left] = [Math.floor(y), Math.floor(x)];
    const at = (r: number, q: number) => (place(r, side, 'reflect') * side + place(q, side, 'reflect')) * channels;
    const places = [at(top, left), at(top, left + 1), at(top + 1, left), at(top + 1, left + 1)] as const;
    return { places, right: x - left, down: y - top };
  });
}

function everyPixel(
  values: Float32Array,
  side: number,
  mix: (values: Float32Array, corners: Corners, channel: number) => number,
  around: (row: number, column: number, channels: number) => Corners,
): Float32Array {
  const channels = values.length / (side * side);
  const out = new Float32Array(values.length);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const corners = around(row, column, channels);
      for (let k = 0; k < channels; k++) out[(row * side + column) * channels + k] = mix(values, corners, k);
    }
  return out;
}

/** Between four pixels, in float32. */
function singles(values: Float32Array, { places: [a, b, c, d], right, down }: Corners, k: number): number {
  const one = Math.fround;
  const first = one(one((values[a + k] as number) * (1 - down) * (1 - right)) + one((values[b + k] as number) * (1 - down) * right));
  return one(first + one((values[c + k] as number) * down * (1 - right))) + one((values[d + k] as number) * down * right);
}

/** The same in doubles. */
function doubles(values: Float32Array, { places: [a, b, c, d], right, down }: Corners, k: number): number {
  const upper = (values[a + k] as number) * (1 - down) * (1 - right) + (values[b + k] as number) * (1 - down) * right;
  return upper + (values[c + k] as number) * down * (1 - right) + (values[d + k] as number) * down * right;
}
