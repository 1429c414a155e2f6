/** Losses that attacks climb: one value per example, differentiable in the logits. Higher is closer to an error. */
import { z } from 'zod';
import { klDivergence as divergence, softmaxCrossEntropy } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';
import type { Loss } from '../attack.ts';

/** Names of the losses that need only the label, and of the KL divergence from the clean prediction. */
export const lossName = z.enum(['ce', 'margin', 'kl']);
export type LossName = z.infer<typeof lossName>;

/** Cross-entropy with the true labels. `y` is `[n]` int32. */
export function crossEntropy(y: tf.Tensor1D): Loss {
  return (logits) => softmaxCrossEntropy(logits, y);
}

/** Carlini and Wagner 2017 (arXiv 1608.04644): the largest wrong logit minus the right one. */
export function margin(y: tf.Tensor1D): Loss {
  return (logits) => {
    const right = tf.oneHot(y, logits.shape[1]).cast('float32');
    const wrong = logits.sub(right.mul(1e9)).max(1);
    return wrong.sub(logits.mul(right).sum(1)) as tf.Tensor1D;
  };
}

/** Probability margin, Xie et al. 2024 (arXiv 2411.15210): the largest wrong probability minus the right one. `y` is `[n]` int32. */
export function probabilityMargin(y: tf.Tensor1D): Loss {
  return (logits) => margin(y)(tf.softmax(logits));
}

/** The logit of class `t` minus the one of class `y`, both `[n]` int32: the margin towards one class. */
export function targetedMargin(y: tf.Tensor1D, t: tf.Tensor1D): Loss {
  return (logits) => {
    const classes = logits.shape[1];
    const direction = tf.oneHot(t, classes).cast('float32').sub(tf.oneHot(y, classes).cast('float32'));
    return logits.mul(direction).sum(1) as tf.Tensor1D;
  };
}

/** KL divergence from the clean prediction, as TRADES climbs it (Zhang et al. 2019, arXiv 1901.08573): `clean` are logits `[n,classes]`. */
export function klDivergence(clean: tf.Tensor2D): Loss {
  return (logits) => divergence(clean, logits);
}
