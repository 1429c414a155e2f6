/** Losses that attacks climb: one value per example, differentiable in the logits. Higher is closer to an error. */
import { z } from 'zod';
import { klDivergence as divergence, softmaxCrossEntropy, softmaxCrossEntropyGradient } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';
import type { Loss } from '../attack.ts';

/** Names of the losses that need only the label, and of the KL divergence from the clean prediction. */
export const lossName = z.enum(['ce', 'margin', 'kl']);
export type LossName = z.infer<typeof lossName>;

/** Cross-entropy with the true labels. `y` is `[n]` int32. */
export function crossEntropy(y: tf.Tensor1D): Loss {
  return Object.assign((logits: tf.Tensor2D) => softmaxCrossEntropy(logits, y), {
    withGradient: (z: tf.Tensor2D) => ({
      value: softmaxCrossEntropy(z, y),
      grad: softmaxCrossEntropyGradient(z, y, tf.fill<tf.Rank.R1>([z.shape[0]], 1)),
    }),
  });
}

/** Carlini and Wagner 2017 (arXiv 1608.04644): the largest wrong logit minus the right one. */
export function margin(y: tf.Tensor1D): Required<Loss> & Loss {
  const parts = (logits: tf.Tensor2D) => {
    // cast, since one hot numbers of the wasm backend are integers whatever type is asked for
    const right = tf.oneHot(y, logits.shape[1]).cast('float32');
    const others = logits.sub(right.mul(1e9));
    const wrong = others.max(1);
    return { right, others, wrong, value: wrong.sub(logits.mul(right).sum(1)) as tf.Tensor1D };
  };
  return Object.assign((logits: tf.Tensor2D) => parts(logits).value, {
    withGradient(logits: tf.Tensor2D) {
      const { right, others, wrong, value } = parts(logits);
      const largest = others.equal(wrong.expandDims(1)).cast('float32');
      return { value, grad: largest.sub(right) as tf.Tensor2D };
    },
  });
}

/** Probability margin, Xie et al. 2024 (arXiv 2411.15210): the largest wrong probability minus the right one. `y` is `[n]` int32. */
export function probabilityMargin(y: tf.Tensor1D): Loss {
  const ofProbabilities = margin(y);
  return Object.assign((logits: tf.Tensor2D) => ofProbabilities(tf.softmax(logits)), {
    withGradient(logits: tf.Tensor2D) {
      const probabilities = tf.softmax(logits);
      const { value, grad } = ofProbabilities.withGradient(probabilities);
      const weighted = grad.mul(probabilities);
      return { value, grad: weighted.sub(weighted.sum(1, true).mul(probabilities)) as tf.Tensor2D };
    },
  });
}

/** The largest difference of two logits to which `scaledCrossEntropy` brings an image: no probability is then below 4e-6 of another. */
const RANGE = 10;

/**
 * Cross-entropy of logits that are scaled, image by image, so that the largest is 10 above the smallest: a softmax that no scale of the
 * network saturates, after the logit scaling of Hitaj et al. 2021 (arXiv 2103.01914). The scale is no part of the gradient. `y` is `[n]` int32.
 */
export function scaledCrossEntropy(y: tf.Tensor1D): Loss {
  return (logits) => {
    const scale = withoutGradient(logits, (z) => tf.div(RANGE, z.max(1, true).sub(z.min(1, true)).add(1e-12)));
    return softmaxCrossEntropy(logits.mul(scale) as tf.Tensor2D, y);
  };
}

/** `f(x)` as a constant. */
function withoutGradient(x: tf.Tensor, f: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const value = f(args[0] as tf.Tensor);
    return { value, gradFunc: () => tf.zerosLike(x) };
  })(x);
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
