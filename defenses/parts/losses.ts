/** Pieces of training objectives, one value per example. */
import { tf } from '../../tensor/tf.ts';

/** Kullback-Leibler divergence KL(softmax(p) || softmax(q)) of every example, `[n]`, of logits `[n,classes]`. Differentiable in both. */
export function kl(p: tf.Tensor2D, q: tf.Tensor2D): tf.Tensor1D {
  const logP = tf.logSoftmax(p);
  return logP
    .exp()
    .mul(logP.sub(tf.logSoftmax(q)))
    .sum(1) as tf.Tensor1D;
}

/** Entries of `values` `[n,classes]` at `index` `[n]` int32, `[n]`. Differentiable in `values`. */
export function pick(values: tf.Tensor2D, index: tf.Tensor1D): tf.Tensor1D {
  return values.mul(tf.oneHot(index, values.shape[1])).sum(1) as tf.Tensor1D;
}
