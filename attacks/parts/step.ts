/** One step of gradient ascent inside the threat model: the direction that climbs fastest in the norm, then the projection. */
import { gradientStep } from '../../tensor/norms/index.ts';
import { tf } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';

/** Tensors `[n,h,w,c]`; `memory` is what the step left behind the last time, such as momentum. */
export interface Position {
  readonly x: tf.Tensor4D;
  /** The clean images. */
  readonly origin: tf.Tensor4D;
  readonly grad: tf.Tensor4D;
  readonly memory?: tf.Tensor4D | undefined;
}

/** The next point of every example, in the box and the budget. The caller owns what it returns and keeps what it gave. */
export type Step = (at: Position) => { x: tf.Tensor4D; memory?: tf.Tensor4D };

/**
 * Steepest ascent: `stepSize * sign(g)` in Linf, `stepSize * g / |g|` in L2. `stepSize` is in units of the input.
 * Throws where the norm of the threat has no gradient step.
 */
export function steepest(threat: Threat, stepSize: number): Step {
  const step = gradientStep(threat.norm);
  return ({ x, grad, origin }) => ({ x: step({ x, grad, origin }, stepSize, threat.eps) });
}

/** Momentum, Dong et al. 2018 (arXiv 1710.06081), eq. 6: gradients scaled to L1 norm 1 are summed with `decay`, and their sum is climbed. */
export function momentum(threat: Threat, stepSize: number, decay: number): Step {
  const climb = steepest(threat, stepSize);
  return ({ x, grad, origin, memory }) => {
    const sum = tf.tidy(() => {
      const size = grad.abs().sum([1, 2, 3]).reshape([-1, 1, 1, 1]);
      const scaled = grad.div(tf.maximum(size, 1e-12)) as tf.Tensor4D;
      return memory ? (memory.mul(decay).add(scaled) as tf.Tensor4D) : scaled;
    });
    return { x: climb({ x, grad: sum, origin }).x, memory: sum };
  };
}
