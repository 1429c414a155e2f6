/** Pieces of training objectives, one value per example. */
import { tf } from '../../tensor/tf.ts';

/** Entries of `values` `[n,classes]` at `index` `[n]` int32, `[n]`. Differentiable in `values`. */
export function pick(values: tf.Tensor2D, index: tf.Tensor1D): tf.Tensor1D {
  return values.mul(tf.oneHot(index, values.shape[1])).sum(1) as tf.Tensor1D;
}

/** The largest of the probabilities `[n,classes]` of other classes than the label, `[n]`. Differentiable in `probs`. */
export function mostProbableWrong(probs: tf.Tensor2D, y: tf.Tensor1D): tf.Tensor1D {
  const wrong = probs.sub(tf.oneHot(y, probs.shape[1]).mul(2)).argMax(1) as tf.Tensor1D;
  return pick(probs, wrong);
}
