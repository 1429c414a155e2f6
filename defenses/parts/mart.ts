/** The inner attack and the loss of MART, Wang et al. 2020 (ICLR), eq. 11, as the authors' code computes them; LOAT adds to the loss. */
import type { Threat } from '../../attacks/attack.ts';
import { crossEntropy as perExample } from '../../attacks/parts/losses.ts';
import { tf } from '../../tensor/tf.ts';
import type { Training } from '../defense.ts';
import { ascend, type Noise } from './craft.ts';
import { mostProbableWrong, pick } from './losses.ts';

/** Ascent on the cross-entropy from `noise` of size 0.001 around the images; radius and step are those of the threat, and 0.007 / 0.031 of it, when absent. */
export function martCraft(p: { steps: number; eps?: number; step?: number }, threat: Threat, noise: Noise): Training['craft'] {
  const eps = p.eps ?? threat.eps;
  const ascent = { norm: threat.norm, eps, step: p.step ?? (eps * 0.007) / 0.031, steps: p.steps };
  return async ({ x, y, rng }, { target }) => {
    const start = tf.tidy(() => x.add(noise(x, rng).mul(0.001))) as tf.Tensor4D;
    return { adversarial: ascend(target, x, start, perExample(y), ascent) };
  };
}

/** Of logits `[n,classes]` on natural and on adversarial images: boosted cross-entropy, and the KL divergence weighted by how unsure the network is of the natural image. `crossEntropy` is the mean one. */
export function martLoss(
  natural: tf.Tensor2D,
  adversarial: tf.Tensor2D,
  y: tf.Tensor1D,
  crossEntropy: (logits: tf.Tensor2D, y: tf.Tensor1D) => tf.Scalar,
): { boosted: tf.Scalar; robust: tf.Scalar } {
  const advProbs = tf.softmax(adversarial);
  const margin = tf.sub(1.0001, mostProbableWrong(advProbs, y)).add(1e-12).log().mean().neg();
  const boosted = crossEntropy(adversarial, y).add(margin) as tf.Scalar;
  const natLog = tf.logSoftmax(natural);
  const natProbs = natLog.exp();
  const divergence = natProbs.mul(natLog.sub(advProbs.add(1e-12).log())).sum(1);
  const doubt = tf.sub(1.0000001, pick(natProbs as tf.Tensor2D, y));
  return { boosted, robust: divergence.mul(doubt).mean() as tf.Scalar };
}
