/** MART, Wang et al. 2020 (ICLR, "Improving Adversarial Robustness Requires Revisiting Misclassified Examples"), eq. 11, as the authors' code computes it. */
import { z } from 'zod';
import type { Threat } from '../attacks/attack.ts';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training } from './defense.ts';
import { ascend, gaussianNoise, type Noise } from './parts/craft.ts';
import { pick } from './parts/losses.ts';

const params = z.strictObject({
  beta: z.number().min(0).default(6),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; 0.007 / 0.031 of the radius when absent'),
});
type Params = z.infer<typeof params>;

/** The training with a given start noise, for tests that compare with another code's. */
export function createMart({ beta, steps, ...p }: Params, threat: Threat, noise: Noise): Training {
  const eps = p.eps ?? threat.eps;
  const ascent = { norm: threat.norm, eps, step: p.step ?? (eps * 0.007) / 0.031, steps };
  return {
    async craft({ x, y, rng }, { target }) {
      const start = tf.tidy(() => x.add(noise(x, rng).mul(0.001))) as tf.Tensor4D;
      return { adversarial: ascend(target, x, start, crossEntropy(y), ascent) };
    },
    objective({ x, y }, { adversarial }, ctx) {
      const natural = ctx.forward(x).logits;
      const logits = ctx.forward(adversarial as tf.Tensor4D).logits;
      const advProbs = tf.softmax(logits);
      // the most probable wrong class
      const wrong = advProbs.sub(tf.oneHot(y, logits.shape[1]).mul(2)).argMax(1) as tf.Tensor1D;
      const wrongProb = pick(advProbs, wrong);
      const margin = tf.sub(1.0001, wrongProb).add(1e-12).log().mean().neg();
      const boosted = ctx.crossEntropy(logits, y).add(margin) as tf.Scalar;
      const natLog = tf.logSoftmax(natural);
      const natProbs = natLog.exp();
      const divergence = natProbs.mul(natLog.sub(advProbs.add(1e-12).log())).sum(1);
      const doubt = tf.sub(1.0000001, pick(natProbs as tf.Tensor2D, y));
      const robust = divergence.mul(doubt).mean() as tf.Scalar;
      return { loss: boosted.add(robust.mul(beta)) as tf.Scalar, logits, terms: { boosted, robust } };
    },
  };
}

export default defineDefense<Params>({
  name: 'mart',
  title: 'MART',
  paper: 'Wang et al. 2020 (ICLR)',
  references: [
    {
      key: 'wang2020improving',
      author: 'Wang, Yisen and Zou, Difan and Yi, Jinfeng and Bailey, James and Ma, Xingjun and Gu, Quanquan',
      title: 'Improving Adversarial Robustness Requires Revisiting Misclassified Examples',
      venue: 'International Conference on Learning Representations',
      year: 2020,
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: ({ steps }) => ({ forward: steps + 2, backward: steps + 2, update: 2 }),
  create: (p, { threat }) => createMart(p, threat, gaussianNoise),
});
