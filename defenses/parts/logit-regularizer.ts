/** Logit-oriented regularisers of LOAT, Yin and Ruan 2024 (arXiv 2403.17520), as MOREL's code computes them: how uneven the wrong classes are, and how far the attack moves the answer. */
import { tf } from '../../tensor/tf.ts';
import { mostProbableWrong, pick } from './losses.ts';

/** `mse` squares what is off; `log` takes minus the logarithm of what is left of 1. */
export type Form = 'mse' | 'log';

/** Of the logarithms, as MART has it. */
const TINY = 1e-12;

/** Mean of `values` `[n]` over the images of `members` `[n]`, 0 or 1 each; 0 where there is none. */
function meanOver(members: tf.Tensor1D, values: tf.Tensor1D): tf.Scalar {
  return values.mul(members).sum().div(tf.maximum(members.sum(), 1)) as tf.Scalar;
}

const surprise = (share: tf.Tensor): tf.Tensor1D => tf.sub(1, share).add(TINY).log().neg() as tf.Tensor1D;

/** 1 where the label has the largest logit, `[n]`; no gradient goes through it. */
export function answeredRight(logits: tf.Tensor2D, y: tf.Tensor1D): tf.Tensor1D {
  const answer = tf.oneHot(logits.argMax(1) as tf.Tensor1D, logits.shape[1]).cast('float32');
  return pick(answer as tf.Tensor2D, y);
}

/**
 * Over `members`: the squared distances of the wrong classes' probabilities from an even share, `(1 - p_y) / (classes - 1)`; or minus the
 * logarithm of what the most probable wrong class leaves. `probs` are `[n,K]`; `classes` is K, unless another code counts otherwise.
 */
export function fluctuation(probs: tf.Tensor2D, y: tf.Tensor1D, members: tf.Tensor1D, form: Form, classes: number): tf.Scalar {
  if (form === 'log') return meanOver(members, surprise(mostProbableWrong(probs, y)));
  const even = tf.sub(1, pick(probs, y)).div(classes - 1);
  const wrong = tf.sub(1, tf.oneHot(y, probs.shape[1]));
  const off = probs.sub(even.expandDims(1)).square().mul(wrong);
  return meanOver(members, off.sum(1) as tf.Tensor1D);
}

/** Over `members`: the squared distance of adversarial from natural probabilities, both `[n,K]`; or minus the logarithm of what it leaves of the adversarial answer. */
export function pairing(natural: tf.Tensor2D, adversarial: tf.Tensor2D, members: tf.Tensor1D, form: Form): tf.Scalar {
  const change = adversarial.sub(natural);
  if (form === 'mse') return meanOver(members, change.square().sum(1) as tf.Tensor1D);
  return meanOver(members, surprise(pick(change.abs() as tf.Tensor2D, adversarial.argMax(1) as tf.Tensor1D)));
}
