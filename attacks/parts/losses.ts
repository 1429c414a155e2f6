/** Losses that attacks climb: one value per example, differentiable in the logits. Higher is closer to an error. */
import { softmaxCrossEntropy } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';
import type { Loss } from '../attack.ts';

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
