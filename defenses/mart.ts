/** MART, Wang et al. 2020 (ICLR, "Improving Adversarial Robustness Requires Revisiting Misclassified Examples"), eq. 11, as the authors' code computes it. */
import { z } from 'zod';
import type { Threat } from '../attacks/attack.ts';
import type { tf } from '../tensor/tf.ts';
import { defineDefense, type Training } from './defense.ts';
import { gaussianNoise, type Noise } from './parts/craft.ts';
import { martCraft, martLoss } from './parts/mart.ts';

const params = z.strictObject({
  beta: z.number().min(0).default(6),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; 0.007 / 0.031 of the radius when absent'),
});
type Params = z.infer<typeof params>;

/** The training with a given start noise, for tests that compare with another code's. */
export function createMart({ beta, ...inner }: Params, threat: Threat, noise: Noise): Training {
  return {
    craft: martCraft(inner, threat, noise),
    objective({ x, y }, { adversarial }, ctx) {
      const natural = ctx.forward(x).logits;
      const logits = ctx.forward(adversarial as tf.Tensor4D).logits;
      const { boosted, robust } = martLoss(natural, logits, y, ctx.crossEntropy);
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
