/** 3x3 convolutions of stride 1, forward or backward, by Winograd's minimal filtering. */
import { FLOAT, padded } from './images.ts';
import { native, type Pointer, scratch, type WasmBackend } from './memory.ts';

export interface Problem {
  readonly batch: number;
  /** Of the images read and of those written. */
  readonly from: readonly [height: number, width: number, channels: number];
  readonly to: readonly [height: number, width: number, channels: number];
  readonly top: number;
  readonly left: number;
}

/** Where the nine taps of a pair of channels lie, in bytes: `tapStride` is negative where the filter is turned round. */
export interface Taps {
  readonly first: Pointer;
  readonly tapStride: number;
  readonly inStride: number;
  readonly outStride: number;
}

/** Past this many pairs of channels the transformed filter is too large to be read again for every image. */
const LARGEST = 128 * 128;

/** Whether this way is faster than the direct one and possible. */
export function suits(kernel: readonly number[], stride: readonly number[], ci: number, co: number): boolean {
  const [channels, whole] = [ci * co, ci % 4 === 0 && co % 4 === 0];
  return whole && Math.min(ci, co) >= 8 && channels <= LARGEST && kernel.every((k) => k === 3) && stride.every((s) => s === 1);
}

/** Writes `[batch, ...to]` at `out`. The bias is readable four at a time, or 0. */
export function winogradConvolve(b: WasmBackend, p: Problem, x: Pointer, taps: Taps, bias: Pointer, relu: boolean, out: Pointer): void {
  const [height, width, co] = p.to;
  const ci = p.from[2];
  const even = (size: number) => 2 * Math.ceil(size / 2) + 2;
  const image = padded(b, x, p.from, { top: p.top, left: p.left, height: even(height), width: even(width) });
  const filter = scratch(b, 'filter', 16 * ci * Math.ceil(co / 8) * 8 * FLOAT);
  const space = scratch(b, 'tiles', 64 * 16 * (ci + co + 8));
  const k = native();
  k.winogradFilter(taps.first, taps.tapStride, ci, taps.inStride, co, taps.outStride, filter);
  for (let n = 0; n < p.batch; n++)
    k.winograd(image.at(n), image.row, ci, filter, bias, relu, out + n * height * width * co * FLOAT, height, width, co, space);
}
