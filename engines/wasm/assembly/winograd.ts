/** 3x3 convolutions of stride 1 by Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray 2016, arXiv 1509.09308): 16 products for 4 outputs instead of 36. */

import { tile4x8 } from './tile';

/** Tiles of 2x2 outputs that are transformed together. A multiple of four. */
const TILES: i32 = 16;

/** `G g G'` for one pair of channels: the nine taps at `g`, `tapStride` bytes apart from the next, into sixteen floats `toStride` apart. */
function transformTaps(g: usize, tapStride: isize, to: usize, toStride: usize): void {
  for (let column: i32 = 0; column < 4; column++) {
    // columns of g G': g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2
    let r0: f32 = 0,
      r1: f32 = 0,
      r2: f32 = 0;
    for (let row: i32 = 0; row < 3; row++) {
      const at = g + <usize>(<isize>(3 * row) * tapStride);
      const a = load<f32>(at);
      const b = load<f32>(at + <usize>tapStride);
      const c = load<f32>(at + <usize>(2 * tapStride));
      const v: f32 = column === 0 ? a : column === 1 ? (a + b + c) * 0.5 : column === 2 ? (a - b + c) * 0.5 : c;
      if (row === 0) r0 = v;
      else if (row === 1) r1 = v;
      else r2 = v;
    }
    const at = to + <usize>column * toStride;
    store<f32>(at, r0);
    store<f32>(at + 4 * toStride, (r0 + r1 + r2) * 0.5);
    store<f32>(at + 8 * toStride, (r0 - r1 + r2) * 0.5);
    store<f32>(at + 12 * toStride, r2);
  }
}

/**
 * Transforms a filter into `[16,co/8,ci,8]`, the last block padded with zeros. The tap of an input and an output channel lies at
 * `filter + i * ciStride + o * coStride`, the next tap `tapStride` bytes on, which is negative where the filter is turned round.
 */
export function winogradFilter(filter: usize, tapStride: isize, ci: i32, ciStride: usize, co: i32, coStride: usize, to: usize): void {
  const width = (co + 7) & ~7;
  const position = (<usize>ci * <usize>width) << 2;
  memory.fill(to, 0, 16 * position);
  for (let o: i32 = 0; o < co; o++) {
    const block = to + (((<usize>(o >> 3) * <usize>ci) << 3) << 2) + ((<usize>(o & 7)) << 2);
    for (let i: i32 = 0; i < ci; i++) {
      transformTaps(filter + <usize>i * ciStride + <usize>o * coStride, tapStride, block + ((<usize>i) << 5), position);
    }
  }
}

/** `B' d B` of a 4x4 patch, four channels at a time; the result's sixteen positions lie `position` bytes apart. */
function transformInput(d: usize, row: usize, pixel: usize, ci: i32, to: usize, position: usize): void {
  for (let i: i32 = 0; i < ci; i += 4) {
    let at = to;
    for (let r: i32 = 0; r < 4; r++) {
      // rows of B' d: d0 - d2, d1 + d2, d2 - d1, d1 - d3
      const first = d + <usize>(r === 0 ? 0 : r === 2 ? 2 : 1) * row;
      const second = d + <usize>(r === 2 ? 1 : r === 3 ? 3 : 2) * row;
      let t0 = v128.load(second);
      let t1 = v128.load(second + pixel);
      let t2 = v128.load(second + 2 * pixel);
      let t3 = v128.load(second + 3 * pixel);
      if (r === 1) {
        t0 = f32x4.add(v128.load(first), t0);
        t1 = f32x4.add(v128.load(first + pixel), t1);
        t2 = f32x4.add(v128.load(first + 2 * pixel), t2);
        t3 = f32x4.add(v128.load(first + 3 * pixel), t3);
      } else {
        t0 = f32x4.sub(v128.load(first), t0);
        t1 = f32x4.sub(v128.load(first + pixel), t1);
        t2 = f32x4.sub(v128.load(first + 2 * pixel), t2);
        t3 = f32x4.sub(v128.load(first + 3 * pixel), t3);
      }
      v128.store(at, f32x4.sub(t0, t2));
      v128.store(at + position, f32x4.add(t1, t2));
      v128.store(at + 2 * position, f32x4.sub(t2, t1));
      v128.store(at + 3 * position, f32x4.sub(t1, t3));
      at += 4 * position;
    }
    d += 16;
    to += 16;
  }
}

/** `A' m A`, bias and ReLU, four channels at a time: up to 2x2 output pixels. */
function transformOutput(
  m: usize,
  position: usize,
  co: i32,
  bias: usize,
  floor: v128,
  out: usize,
  outRow: usize,
  rows: i32,
  columns: i32,
): void {
  const pixel = (<usize>co) << 2;
  for (let i: i32 = 0; i < co; i += 4) {
    const start = bias ? v128.load(bias + ((<usize>i) << 2)) : f32x4.splat(0);
    for (let r: i32 = 0; r < rows; r++) {
      // rows of A' m: m0 + m1 + m2, m1 - m2 - m3
      const at = m + (r === 0 ? 0 : 4 * position);
      let s0 = v128.load(at);
      let s1 = v128.load(at + position);
      let s2 = v128.load(at + 2 * position);
      let s3 = v128.load(at + 3 * position);
      for (let next: i32 = 1; next < 3; next++) {
        const from = at + <usize>(4 * next) * position;
        if (r === 0) {
          s0 = f32x4.add(s0, v128.load(from));
          s1 = f32x4.add(s1, v128.load(from + position));
          s2 = f32x4.add(s2, v128.load(from + 2 * position));
          s3 = f32x4.add(s3, v128.load(from + 3 * position));
        } else {
          s0 = f32x4.sub(s0, v128.load(from));
          s1 = f32x4.sub(s1, v128.load(from + position));
          s2 = f32x4.sub(s2, v128.load(from + 2 * position));
          s3 = f32x4.sub(s3, v128.load(from + 3 * position));
        }
      }
      const to = out + <usize>r * outRow;
      v128.store(to, f32x4.max(f32x4.add(f32x4.add(f32x4.add(s0, s1), s2), start), floor));
      if (columns > 1) v128.store(to + pixel, f32x4.max(f32x4.add(f32x4.sub(f32x4.sub(s1, s2), s3), start), floor));
    }
    m += 16;
    out += 16;
  }
}

/**
 * One image. `input` `[2 * ceil(height / 2) + 2, 2 * ceil(width / 2) + 2, ci]` has its border already; channels are multiples of four.
 * `space` is scratch of `64 * 16 * (ci + co + 8)` bytes. `inRow` in bytes.
 */
export function winograd(
  input: usize,
  inRow: usize,
  ci: i32,
  filter: usize,
  bias: usize,
  relu: bool,
  out: usize,
  height: i32,
  width: i32,
  co: i32,
  space: usize,
): void {
  const across = (width + 1) >> 1;
  const tiles = across * ((height + 1) >> 1);
  const inPixel = (<usize>ci) << 2;
  const outPixel = (<usize>co) << 2;
  const outRow = <usize>width * outPixel;
  const inPosition = <usize>TILES * inPixel;
  const outPosition = <usize>TILES * outPixel;
  const products = space + 16 * inPosition;
  // a row of a product is one run of its input channels
  const run = products + 16 * outPosition;
  store<i32>(run, 0);
  store<i32>(run, ci, 4);
  const filterPosition = (<usize>ci * <usize>((co + 7) & ~7)) << 2;
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  for (let start: i32 = 0; start < tiles; start += TILES) {
    const count = min(TILES, tiles - start);
    for (let t: i32 = 0; t < count; t++) {
      const y = (start + t) / across;
      const x = start + t - y * across;
      transformInput(input + <usize>(2 * y) * inRow + <usize>(2 * x) * inPixel, inRow, inPixel, ci, space + <usize>t * inPixel, inPosition);
    }
    for (let p: i32 = 0; p < 16; p++) {
      const from = space + <usize>p * inPosition;
      const to = products + <usize>p * outPosition;
      for (let o: i32 = 0; o < co; o += 8) {
        const w = filter + <usize>p * filterPosition + ((<usize>o * <usize>ci) << 2);
        // rows past the last tile hold what an earlier block left; their products are not read
        for (let t: i32 = 0; t < count; t += 4) {
          const a = from + <usize>t * inPixel;
          const at = to + <usize>t * outPixel + ((<usize>o) << 2);
          tile4x8(
            a,
            a + inPixel,
            a + 2 * inPixel,
            a + 3 * inPixel,
            run,
            1,
            w,
            0,
            false,
            at,
            at + outPixel,
            at + 2 * outPixel,
            at + 3 * outPixel,
            min(8, co - o),
          );
        }
      }
    }
    for (let t: i32 = 0; t < count; t++) {
      const y = 2 * ((start + t) / across);
      const x = 2 * ((start + t) % across);
      const at = out + <usize>y * outRow + <usize>x * outPixel;
      transformOutput(products + <usize>t * outPixel, outPosition, co, bias, floor, at, outRow, min(2, height - y), min(2, width - x));
    }
  }
}
