/** The Euclidean norm: balls are round. */
import { sphereStep } from '../fused.ts';
import type { Rng } from '../rng.ts';
import { tf } from '../tf.ts';
import type { Norm } from './norm.ts';

const TINY = 1e-12;

/** The norm of every example, as `[n,1,1,1]`. */
const perExample = (t: tf.Tensor4D) => t.square().sum([1, 2, 3], true).sqrt() as tf.Tensor4D;

/** Every example over its norm; zero stays zero. Runs in a tidy of the caller's. */
export const unit = (t: tf.Tensor4D): tf.Tensor4D => t.div(tf.maximum(perExample(t), TINY));

/** Every example scaled back to norm `eps` (one number, or `[n,1,1,1]`) where it is longer. Runs in a tidy of the caller's. */
export const shorten = (delta: tf.Tensor4D, eps: number | tf.Tensor): tf.Tensor4D =>
  delta.mul(tf.minimum(tf.div(eps, tf.maximum(perExample(delta), TINY)), 1));

const size = (t: tf.Tensor4D) => tf.tidy(() => t.reshape([t.shape[0], -1]).square().sum(1).sqrt() as tf.Tensor1D);

// independent normal numbers have no direction that they prefer
function onSphere(d: number, rng: Rng): Float32Array {
  const draws = Float64Array.from({ length: d }, () => rng.gauss());
  const length = Math.max(Math.sqrt(draws.reduce((sum, v) => sum + v * v, 0)), TINY);
  return Float32Array.from(draws, (v) => v / length);
}

/** Scaled back to the sphere, then cut to the box, as PGD is published: not always the nearest point. */
function project(x: tf.Tensor4D, origin: tf.Tensor4D, eps: number | tf.Tensor): tf.Tensor4D {
  return tf.tidy(() => tf.clipByValue(origin.add(shorten(x.sub(origin), eps)), 0, 1));
}

export const L2: Norm = {
  name: 'L2',
  inGreyLevels: false,
  size,
  dual: size,
  ofOnes: Math.sqrt,
  project,
  step: ({ x, grad, origin }, length, eps) =>
    sphereStep(x, grad, origin, length, eps) ?? tf.tidy(() => project(x.add(unit(grad).mul(length)), origin, eps)),
  inBall(shape, eps, rng) {
    const [n, h, w, c] = shape;
    const d = h * w * c;
    // the share of the ball within radius r is r^d
    const radii = Float32Array.from({ length: n }, () => eps * rng.next() ** (1 / d));
    return tf.tidy(() => unit(tf.tensor4d(rng.normal(n * d), shape)).mul(tf.tensor4d(radii, [n, 1, 1, 1])));
  },
  onSphere,
  start: onSphere,
};
