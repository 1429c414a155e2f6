/**
 * Training on the images with a tie to their adversarial points, as the authors of GAT and NuAT do: one step from a corner of a small
 * cube, on a loss to which the tie is added at every second step.
 */
import type { Threat } from '../../attacks/attack.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Training, TrainingContext } from '../defense.ts';
import { ascend } from './craft.ts';

/** How far apart two answers are, one value per example `[n]`, differentiable in both. `a` and `b` are logits `[n,classes]` of the same images. */
export type Tie = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor1D;

export interface GuidedOptions {
  readonly eps: number;
  /** Half the side of the cube that the step starts from a corner of, as a multiple of `eps`. */
  readonly start: number;
  /** What the term is called in the log. */
  readonly term: string;
  readonly tie: Tie;
  /** Factor of the tie in attack and objective. */
  weight(ctx: TrainingContext): number;
}

/** Every value `size` or `-size`, in the shape of `x`. The caller owns it. */
export function corners(x: tf.Tensor4D, size: number, rng: Rng): tf.Tensor4D {
  const signs = rng.uniform(x.size).map((u) => Math.sign(0.5 - u) * size);
  return tf.tensor4d(signs, x.shape);
}

/** Cross-entropy of the images plus the mean tie to points one step of `eps` away. */
export function createGuided({ eps, start, term, tie, weight }: GuidedOptions, threat: Threat): Training {
  return {
    async craft({ x, y, rng }, ctx) {
      // in training mode, and the running statistics take note, while the step is taken in evaluation mode
      const clean = tf.tidy(() => ctx.forward(x).logits.clone());
      const from = tf.tidy(() => tf.clipByValue(x.add(corners(x, start * eps, rng)), 0, 1)) as tf.Tensor4D;
      const plain = ctx.losses(y);
      const tied = (logits: tf.Tensor2D) => plain(logits).add<tf.Tensor1D>(tie(clean, logits).mul(weight(ctx)));
      const loss = ctx.step % 2 === 0 ? plain : tied;
      const adversarial = ascend(ctx.target, x, from, loss, { norm: threat.norm, eps, step: eps, steps: 1 });
      clean.dispose();
      return { adversarial };
    },
    objective({ x, y }, { adversarial }, ctx) {
      // in the order of the authors' code, for the batch statistics
      const { logits } = ctx.forward(adversarial as tf.Tensor4D);
      const clean = ctx.forward(x).logits;
      const natural = ctx.crossEntropy(clean, y);
      const distance = tie(clean, logits).mean() as tf.Scalar;
      return { loss: natural.add(distance.mul(weight(ctx))), logits, terms: { natural, [term]: distance } };
    },
  };
}
