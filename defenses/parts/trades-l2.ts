/** The L2 step of TRADES' authors: SGD on the perturbation along unit gradients, box first and ball last. */
import type { Step } from '../../attacks/parts/step.ts';
import { shorten, unit } from '../../tensor/norms/l2.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { gaussianNoise } from './craft.ts';

/** A step of length `step`, then back to radius `eps`; random where a gradient is zero. The points lie in the box but for rounding. */
export function tradesL2(rng: Rng, { eps, step }: { eps: number; step: number }): Step {
  return ({ x, grad, origin }) => ({
    x: tf.tidy(() => {
      const zero = grad.square().sum([1, 2, 3], true).equal(0);
      const direction = zero.any().dataSync()[0] ? tf.where(zero, gaussianNoise(x, rng), unit(grad)) : unit(grad);
      const boxed = tf.clipByValue(x.add(direction.mul(step)), 0, 1).sub<tf.Tensor4D>(origin);
      return origin.add(shorten(boxed, eps));
    }),
  });
}
