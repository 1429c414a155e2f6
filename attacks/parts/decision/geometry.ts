/** What a search along the decision boundary needs of a norm, for one image: `d` numbers in [0,1]. */
import { type ByNorm, normsIn } from '../../../tensor/norms/index.ts';
import type { Rng } from '../../../tensor/rng.ts';

export interface Geometry {
  distance(point: Float32Array, clean: Float32Array): number;
  /** The point on the way from `clean` to `far` at this share of their distance. The caller owns it. */
  between(clean: Float32Array, far: Float32Array, share: number): Float32Array;
  /** A random direction of Euclidean length 1. */
  direction(d: number, rng: Rng): Float32Array;
  /** Of norm 1: along it, `gradient` rises fastest. */
  steepest(gradient: Float64Array): Float64Array;
  /** How near to the boundary a search by halves ends, as a share of the `distance` of its far point: the paper's d^-(q+1), q being 1 - 1/p. */
  precision(d: number, distance: number): number;
}

function lengthOf(v: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += (v[i] as number) ** 2;
  return Math.sqrt(sum);
}

/** Zero stays zero. */
function unit(v: Float32Array): Float32Array {
  const length = Math.max(lengthOf(v), 1e-12);
  return v.map((x) => x / length);
}

const L2: Geometry = {
  distance(point, clean) {
    let sum = 0;
    for (let i = 0; i < point.length; i++) sum += ((point[i] as number) - (clean[i] as number)) ** 2;
    return Math.sqrt(sum);
  },
  between: (clean, far, share) => clean.map((v, i) => v + share * ((far[i] as number) - v)),
  direction: (d, rng) => unit(rng.normal(d)),
  steepest(gradient) {
    const length = Math.max(lengthOf(gradient), 1e-12);
    return gradient.map((v) => v / length);
  },
  precision: (d) => d ** -1.5,
};

const Linf: Geometry = {
  distance(point, clean) {
    let most = 0;
    for (let i = 0; i < point.length; i++) most = Math.max(most, Math.abs((point[i] as number) - (clean[i] as number)));
    return most;
  },
  // the far point, cut to a smaller cube
  between(clean, far, share) {
    const radius = share * Linf.distance(far, clean);
    return clean.map((v, i) => Math.min(Math.max(far[i] as number, v - radius), v + radius));
  },
  direction: (d, rng) => unit(rng.uniform(d, -1, 1)),
  steepest: (gradient) => gradient.map(Math.sign),
  // a shorter way moves no float32 below 1
  precision: (d, distance) => Math.max(d ** -2, 2 ** -24 / distance),
};

export const BOUNDARY = { Linf, L2 } satisfies ByNorm<Geometry>;

export const BOUNDARY_NORMS = normsIn(BOUNDARY);
