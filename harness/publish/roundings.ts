/**
 * Ways to write an adversarial image in fewer bytes: each moves every value a little, and any of them may leave the ball or bring the image
 * back across the boundary. Which one does neither is for the model to say (`rounded.ts`).
 */
import type { Encoding } from '../../records/published/images.ts';
import { fromHalf, toHalf } from '../../tensor/half.ts';

/** Where an adversarial image lies: all values are in [0,1], `origin` those of its original. */
export interface Placed {
  readonly values: Float32Array;
  readonly origin: Float32Array;
  /** The most that a value may be moved by itself, where the norm of the threat bounds each; else infinite. */
  readonly reach: number;
}

export interface Rounding {
  readonly name: string;
  readonly encoding: Encoding;
  /** Values that the encoding holds exactly. */
  round(at: Placed): Float32Array;
}

/** What float32 can make of a byte: 1e-3 of a level is far more than its rounding, and far less than a level. */
const SLACK = 1e-3;

const clip = (level: number) => Math.min(255, Math.max(0, level));
const up = (levels: number) => Math.ceil(levels - SLACK);
const down = (levels: number) => Math.floor(levels + SLACK);

/** `level` of a value and its origin in 255ths, and of the reach, which may be infinite. */
function bytes(name: string, level: (value: number, origin: number, reach: number) => number): Rounding {
  return {
    name,
    encoding: 'u8',
    round: ({ values, origin, reach }) =>
      Float32Array.from(values, (v, i) => clip(level(255 * v, 255 * (origin[i] as number), 255 * reach)) / 255),
  };
}

/** Moved on to a whole level, as far as the reach allows: what an attack has begun, a little further. */
function outward(value: number, origin: number, reach: number): number {
  if (Math.abs(value - origin) < SLACK) return Math.round(value);
  return value > origin ? Math.min(up(value), down(origin + reach)) : Math.max(down(value), up(origin - reach));
}

/** Never further from the origin than the value, where the origin is a level itself. */
const inward = (value: number, origin: number) => (value > origin ? down(value) : up(value));

const closer = (share: number) => bytes(`${share} of the way`, (value, origin) => Math.round(origin + share * (value - origin)));

const half = (name: string, bits: (value: number, origin: number) => number): Rounding => ({
  name,
  encoding: 'f16',
  round: ({ values, origin }) => Float32Array.from(values, (v, i) => fromHalf(bits(v, origin[i] as number))),
});

/** Bits of positive numbers are in their order. */
function inwardHalf(value: number, origin: number): number {
  const bits = toHalf(value);
  if (value > origin) return fromHalf(bits) > value ? bits - 1 : bits;
  return fromHalf(bits) < value ? bits + 1 : bits;
}

/** In the order in which they are tried: the shortest first, and of these the nearest. Where none will do, an image stays as it is. */
export const ROUNDINGS: readonly Rounding[] = [
  bytes('nearest', Math.round),
  bytes('outward', outward),
  closer(0.98),
  closer(0.95),
  closer(0.9),
  bytes('inward', inward),
  half('nearest', toHalf),
  half('inward', inwardHalf),
];
