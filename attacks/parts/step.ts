/** One step of gradient ascent inside the threat model: the direction that climbs fastest in the norm, then the projection. */
import { RampartError } from '../../errors.ts';
import { signStep } from '../../tensor/fused.ts';
import type { Norm } from '../../tensor/norms.ts';
import { tf } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';
import { l2Norm, project } from './project.ts';

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

export type GradientNorm = 'Linf' | 'L2';
export const GRADIENT_NORMS = ['Linf', 'L2'] as const satisfies readonly Norm[];

/** `threat`, known to be in a norm that gradient steps handle. */
export function gradientThreat(threat: Threat, attack: string): Threat & { norm: GradientNorm } {
  if (threat.norm === 'L1') throw new RampartError(`[attack ${attack}] expected a threat in Linf or L2, got L1`);
  return threat as Threat & { norm: GradientNorm };
}

/** Steepest ascent: `stepSize * sign(g)` in Linf, `stepSize * g / |g|` in L2. `stepSize` is in units of the input. */
export function steepest(threat: Threat & { norm: GradientNorm }, stepSize: number): Step {
  if (threat.norm === 'Linf') return ({ x, grad, origin }) => ({ x: signStep(x, grad, origin, stepSize, threat.eps) });
  return ({ x, grad, origin }) => ({
    x: tf.tidy(() => {
      const unit = grad.div(tf.maximum(l2Norm(grad), 1e-12));
      return project(x.add(unit.mul(stepSize)) as tf.Tensor4D, origin, threat);
    }),
  });
}

/** Momentum, Dong et al. 2018 (arXiv 1710.06081), eq. 6: gradients scaled to L1 norm 1 are summed with `decay`, and their sum is climbed. */
export function momentum(threat: Threat & { norm: GradientNorm }, stepSize: number, decay: number): Step {
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
