/** Sums over the coordinates of every example. */
import { tf } from '../tf.ts';

const rows = (t: tf.Tensor4D) => t.reshape([t.shape[0], -1]);

/** The sum of the absolute values, `[n]`. */
export const sumOfSizes = (t: tf.Tensor4D): tf.Tensor1D => tf.tidy(() => rows(t).abs().sum(1) as tf.Tensor1D);

/** The largest absolute value, `[n]`. */
export const largestSize = (t: tf.Tensor4D): tf.Tensor1D => tf.tidy(() => rows(t).abs().max(1) as tf.Tensor1D);
