/** Inner maximisation of adversarial training: starts, and ascent inside the budget and the box. */
import type { Loss, Target, Threat } from '../../attacks/attack.ts';
import { climbAtOnce } from '../../attacks/parts/search/ascent.ts';
import { steepest } from '../../attacks/parts/step.ts';
import { type NormName, norm } from '../../tensor/norms/index.ts';
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

/** Climbs `loss` from `start` for `ascent.steps` steps. Takes over `start`; the caller owns the result. */
export function ascend(target: Pick<Target, 'gradient'>, x: tf.Tensor4D, start: tf.Tensor4D, loss: Loss, ascent: Ascent): tf.Tensor4D {
  return climbAtOnce({ origin: x, start, steps: ascent.steps }, { target, loss, step: steepest(ascent, ascent.step) });
}
