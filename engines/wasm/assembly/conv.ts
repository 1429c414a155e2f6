/** Direct convolutions of NHWC images, tile by tile of pixels and output channels. */

import { tile4x8, tile8x4 } from './tile';

/** Copies `[h,w,c]` into the interior of a wider image whose border is zero already. Strides and `rowBytes` are in bytes. */
export function copyRows(from: usize, to: usize, rows: i32, rowBytes: usize, toStride: usize): void {
  for (let r: i32 = 0; r < rows; r++) {
    memory.copy(to, from, rowBytes);
    from += rowBytes;
    to += toStride;
  }
}

/** Zeroes `bytes` bytes. */
export function clear(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}

/** Lays a filter `[k,co]` (rows of `k` in the order given by `order`, byte offsets) out in blocks of eight output channels, `[co/8,k,8]`, the last padded with zeros. `coStride` is the distance in bytes between output channels. */
export function packFilter(filter: usize, order: usize, k: i32, co: i32, coStride: usize, to: usize): void {
  for (let block: i32 = 0; block < co; block += 8) {
    const lanes = min(8, co - block);
    const base = filter + <usize>block * coStride;
    for (let i: i32 = 0; i < k; i++) {
      let from = base + <usize>load<i32>(order + ((<usize>i) << 2));
      for (let lane: i32 = 0; lane < lanes; lane++) {
        store<f32>(to + ((<usize>lane) << 2), load<f32>(from));
        from += coStride;
      }
      for (let lane: i32 = lanes; lane < 8; lane++) store<f32>(to + ((<usize>lane) << 2), 0);
      to += 32;
    }
  }
}

/**
 * One image: `out[y,x,:] = bias + sum over runs of input[y,x] . filter`. A run is a pair (byte offset from the pixel, floats)
 * of inputs that lie side by side; `filter` is packed in the order of the runs, `k` floats in all. Strides are in bytes.
 */
export function convolve(
  input: usize,
  inRow: usize,
  inPixel: usize,
  runs: usize,
  runCount: i32,
  k: i32,
  filter: usize,
  bias: usize,
  relu: bool,
  out: usize,
  outRow: usize,
  outPixel: usize,
  height: i32,
  width: i32,
  co: i32,
): void {
  for (let block: i32 = 0; block < co; block += 8) {
    const lanes = min(8, co - block);
    const w = filter + ((<usize>block * <usize>k) << 2);
    const b = bias ? bias + ((<usize>block) << 2) : 0;
    for (let y: i32 = 0; y < height; y++) {
      const inAt = input + <usize>y * inRow;
      const outAt = out + <usize>y * outRow + ((<usize>block) << 2);
      if (lanes <= 4) {
        for (let x: i32 = 0; x < width; x += 8) {
          const at = outAt + <usize>x * outPixel;
          tile8x4(inAt + <usize>x * inPixel, inPixel, width - 1 - x, runs, runCount, w, b, relu, at, outPixel, lanes);
        }
        continue;
      }
      for (let x: i32 = 0; x < width; x += 4) {
        const last = width - 1 - x;
        const a0 = inAt + <usize>x * inPixel;
        const o0 = outAt + <usize>x * outPixel;
        const i1 = <usize>min(1, last),
          i2 = <usize>min(2, last),
          i3 = <usize>min(3, last);
        tile4x8(
          a0,
          a0 + i1 * inPixel,
          a0 + i2 * inPixel,
          a0 + i3 * inPixel,
          runs,
          runCount,
          w,
          b,
          relu,
          o0,
          o0 + i1 * outPixel,
          o0 + i2 * outPixel,
          o0 + i3 * outPixel,
          lanes,
        );
      }
    }
  }
}
