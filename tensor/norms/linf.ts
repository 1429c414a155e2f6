/** The largest absolute value: balls are cubes. */
import { signStep } from '../fused.ts';
import { tf } from '../tf.ts';
import type { Norm } from './norm.ts';
import { largestSize, sumOfSizes } from './sums.ts';

export const Linf: Norm = {
  name: 'Linf',
  inGreyLevels: true,
  size: largestSize,
  dual: sumOfSizes,
  ofOnes: () => 1,
  /** The nearest point. */
  project: (x, origin, eps) =>
    tf.tidy(() => tf.clipByValue(tf.minimum(tf.maximum(x, tf.sub(origin, eps)), tf.add(origin, eps)), 0, 1) as tf.Tensor4D),
  step: ({ x, grad, origin }, size, eps) => signStep(x, grad, origin, size, eps),
  inBall: (shape, eps, rng) => tf.tensor4d(rng.uniform(tf.util.sizeFromShape(shape), -eps, eps), shape),
  onSphere(d, rng) {
    const t = rng.uniform(d, -1, 1);
    const largest = t.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);
    return t.map((v) => v / largest);
  },
  start: (d, rng) => rng.uniform(d, -1, 1),
};
