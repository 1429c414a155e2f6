/** Pieces of training objectives, one value per example. */
import { tf } from '../../tensor/tf.ts';

/** Entries of `values` `[n,classes]` at `index` `[n]` int32, `[n]`. Differentiable in `values`. */
export function pick(values: tf.Tensor2D, index: tf.Tensor1D): tf.Tensor1D {
  return values.mul(tf.oneHot(index, values.shape[1])).sum(1) as tf.Tensor1D;
}
