/** The sum of the absolute values: balls have their corners on the axes. */
import type { Rng } from '../rng.ts';
import { tf } from '../tf.ts';
import { stepIntoL1Ball } from './l1-projection.ts';
import type { Norm } from './norm.ts';
import { largestSize, sumOfSizes } from './sums.ts';

/** A number of density `exp(-|v|) / 2`. */
function laplace(rng: Rng): number {
  const u = 1 - rng.next();
  return rng.next() < 0.5 ? Math.log(u) : -Math.log(u);
}

// the joint density of independent two-sided exponential numbers depends on their sum alone
function onSphere(d: number, rng: Rng): Float32Array {
  const draws = Float64Array.from({ length: d }, () => laplace(rng));
  const length = Math.max(
    draws.reduce((sum, v) => sum + Math.abs(v), 0),
    1e-12,
  );
  return Float32Array.from(draws, (v) => v / length);
}

const flat = (t: tf.Tensor) => t.reshape([t.shape[0] as number, -1]) as tf.Tensor2D;

/**
 * The points of the box and the balls around `origin` that are nearest to `z`, both `[n,h,w,c]`; `delta` is `z - origin` as the caller
 * rounds it, `radii` are `[n,1]`. The caller owns the result.
 */
export function ontoBall(z: tf.Tensor4D, origin: tf.Tensor4D, delta: tf.Tensor4D, radii: tf.Tensor2D): tf.Tensor4D {
  return tf.tidy(() => tf.clipByValue(z.add(stepIntoL1Ball(flat(origin), flat(delta), radii).reshape(z.shape)), 0, 1));
}

export const L1: Norm = {
  name: 'L1',
  inGreyLevels: false,
  size: sumOfSizes,
  dual: largestSize,
  ofOnes: (d) => d,
  /** The nearest point. */
  project: (x, origin, eps) =>
    tf.tidy(() => ontoBall(x, origin, x.sub(origin), typeof eps === 'number' ? tf.fill([x.shape[0], 1], eps) : flat(eps))),
  inBall(shape, eps, rng) {
    const [n, h, w, c] = shape;
    const d = h * w * c;
    const points = new Float32Array(n * d);
    for (let i = 0; i < n; i++) {
      // the share of the ball within radius r is r^d
      const radius = eps * rng.next() ** (1 / d);
      points.set(
        onSphere(d, rng).map((v) => v * radius),
        i * d,
      );
    }
    return tf.tensor4d(points, shape);
  },
  onSphere,
  start: onSphere,
};
