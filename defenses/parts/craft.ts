/** Inner maximisation of adversarial training: starts, and ascent inside the budget and the box. */
import type { Loss, Target, Threat } from '../../attacks/attack.ts';
import { gradientStep, type NormName, norm } from '../../tensor/norms/index.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

export interface Ascent {
  readonly norm: NormName;
  readonly eps: number;
  /** Length of one step in `norm`. */
  readonly step: number;
  readonly steps: number;
}

/** Noise in the shape of `x`. The caller owns it. */
export type Noise = (x: tf.Tensor4D, rng: Rng) => tf.Tensor4D;

/** Standard normal noise in the shape of `x`. The caller owns it. */
export const gaussianNoise: Noise = (x, rng) => tf.tensor4d(rng.normal(x.size), x.shape);

/** Uniform points of the ball of the threat, one per example; not clipped to the box. The caller owns it. */
export function uniformNoise(x: tf.Tensor4D, threat: Threat, rng: Rng): tf.Tensor4D {
  return norm(threat.norm).inBall(x.shape, threat.eps, rng);
}

/** One step of `ascent` from `adversarial` along `grad`, projected into the budget around `x` and the box. The caller owns it. */
export function ascentStep(adversarial: tf.Tensor4D, grad: tf.Tensor4D, x: tf.Tensor4D, ascent: Ascent): tf.Tensor4D {
  return gradientStep(ascent.norm)({ x: adversarial, grad, origin: x }, ascent.step, ascent.eps);
}

/** Climbs `loss` from `start` for `ascent.steps` steps. Takes over `start`; the caller owns the result. */
export function ascend(target: Pick<Target, 'gradient'>, x: tf.Tensor4D, start: tf.Tensor4D, loss: Loss, ascent: Ascent): tf.Tensor4D {
  let adversarial = start;
  for (let i = 0; i < ascent.steps; i++) {
    const { loss: value, logits, grad } = target.gradient(adversarial, loss);
    const next = ascentStep(adversarial, grad, x, ascent);
    tf.dispose([value, logits, grad, adversarial]);
    adversarial = next;
  }
  return adversarial;
}
