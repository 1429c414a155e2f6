/** Where a search starts: random points of the ball, one generator per example. */
import type { Norm } from '../../tensor/norms.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';

/** `d` numbers: uniform in the Linf ball of radius 1, or uniform on the L2 or L1 sphere of radius 1. */
export function randomDirection(norm: Norm, rng: Rng, d: number): Float32Array {
  if (norm === 'Linf') return rng.uniform(d, -1, 1);
  // independent normal (L2) or two-sided exponential (L1) numbers, scaled to norm 1, are uniform on the sphere
  const draws = Float64Array.from({ length: d }, () => (norm === 'L2' ? rng.gauss() : laplace(rng)));
  const size = norm === 'L2' ? Math.sqrt(draws.reduce((s, v) => s + v * v, 0)) : draws.reduce((s, v) => s + Math.abs(v), 0);
  return Float32Array.from(draws, (v) => v / Math.max(size, 1e-12));
}

function laplace(rng: Rng): number {
  const u = 1 - rng.next();
  return rng.next() < 0.5 ? Math.log(u) : -Math.log(u);
}

/** `clip(x + eps * direction, 0, 1)` for every example of `x` `[n,h,w,c]`, with the generator of each. The caller owns the result. */
export function randomStart(x: tf.Tensor4D, threat: Threat, rngs: readonly Rng[]): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const d = h * w * c;
  const noise = new Float32Array(n * d);
  rngs.forEach((rng, i) => {
    noise.set(randomDirection(threat.norm, rng, d), i * d);
  });
  return tf.tidy(() => tf.clipByValue(x.add(tf.tensor4d(noise, [n, h, w, c]).mul(threat.eps)), 0, 1));
}
