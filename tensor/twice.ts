/**
 * Operations whose gradients have gradients. TensorFlow.js differentiates twice what saves its inputs for the gradient alone; what an
 * operation saves of its outputs (softmax, sigmoid, tanh, exp) counts as constant there.
 */
import { tf } from './tf.ts';

/** A function of one tensor by its value and its gradient, both of tensors. */
function defined(value: (x: tf.Tensor) => tf.Tensor, gradient: (x: tf.Tensor, dy: tf.Tensor) => tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [tf.Tensor, (t: tf.Tensor[]) => void];
    save([x]);
    return { value: value(x), gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradient(saved[0] as tf.Tensor, dy) };
  }) as (x: tf.Tensor) => tf.Tensor;
}

/** Over the last axis. */
const softmax = defined(
  (z) => tf.softmax(z),
  (z, dy) => {
    const p = tf.softmax(z);
    return p.mul(dy.sub(dy.mul(p).sum(-1, true)));
  },
);

/** Summed cross-entropy of logits `[n,classes]` with labels `[n]` int32. */
export function crossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const right = () => tf.oneHot(labels, logits.shape[1]).cast('float32');
  const sum = defined(
    (z) => tf.tidy(() => tf.logSoftmax(z).mul(right()).sum().neg()),
    (z, dy) => softmax(z).sub(right()).mul(dy),
  );
  return sum(logits) as tf.Scalar;
}

/**
 * Batch normalisation with the statistics of the batch. `x` `[n,h,w,c]`, `gamma` and `beta` `[c]`; `onMoments` sees mean and biased
 * variance `[c]`, and must not keep them.
 */
export function batchNorm(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  eps: number,
  onMoments: (mean: tf.Tensor1D, variance: tf.Tensor1D) => void,
): tf.Tensor4D {
  const mean = x.mean<tf.Tensor1D>([0, 1, 2]);
  const centred = x.sub(mean);
  const variance = centred.square().mean<tf.Tensor1D>([0, 1, 2]);
  onMoments(mean, variance);
  return centred.mul(variance.add(eps).rsqrt().mul(gamma)).add(beta);
}
