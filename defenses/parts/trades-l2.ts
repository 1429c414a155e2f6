/** The L2 ascent of TRADES' authors: SGD on the perturbation along unit gradients, from small noise, box first and ball last. */
import { shorten, unit } from '../../tensor/norms/l2.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { gaussianNoise } from './craft.ts';

/** Climbs from `x + delta`; where a gradient is zero the step is random. `gradient` may leave tensors to a tidy. Takes over `delta`; the caller owns the result. */
export function ascendTradesL2(
  gradient: (x: tf.Tensor4D) => tf.Tensor4D,
  x: tf.Tensor4D,
  delta: tf.Tensor4D,
  rng: Rng,
  { eps, step, steps }: { eps: number; step: number; steps: number },
): tf.Tensor4D {
  let current = delta;
  for (let i = 0; i < steps; i++) {
    const next = tf.tidy(() => {
      const grad = gradient(x.add(current));
      const zero = grad.square().sum([1, 2, 3], true).equal(0);
      const direction = zero.any().dataSync()[0] ? tf.where(zero, gaussianNoise(x, rng), unit(grad)) : unit(grad);
      const boxed = tf.clipByValue(x.add(current).add(direction.mul(step)), 0, 1).sub(x);
      return shorten(boxed as tf.Tensor4D, eps);
    });
    current.dispose();
    current = next;
  }
  const adversarial = tf.tidy(() => tf.clipByValue(x.add(current), 0, 1)) as tf.Tensor4D;
  current.dispose();
  return adversarial;
}
