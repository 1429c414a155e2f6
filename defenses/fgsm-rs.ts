/** Fast adversarial training, Wong et al. 2020 (arXiv 2001.03994), algorithm 3: one FGSM step from a uniform random start. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { ascend, uniformNoise } from './parts/craft.ts';

const params = z.strictObject({
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  alpha: z.number().positive().default(1.25).describe('Step size as a multiple of the radius: 10/255 at 8/255'),
});

export default defineDefense<z.infer<typeof params>>({
  name: 'fgsm-rs',
  title: 'Fast adversarial training (FGSM-RS)',
  paper: 'Wong et al. 2020 (arXiv 2001.03994)',
  references: [
    {
      key: 'wong2020fast',
      author: 'Wong, Eric and Rice, Leslie and Kolter, J. Zico',
      title: 'Fast is better than free: Revisiting adversarial training',
      venue: 'International Conference on Learning Representations',
      year: 2020,
      arxiv: '2001.03994',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 2, backward: 2 }),
  create({ eps: radius, alpha }, { threat }) {
    const eps = radius ?? threat.eps;
    return {
      // the authors' model stays in training mode while it crafts
      async craft({ x, y, rng }, { trainingTarget }) {
        const start = tf.tidy(() => tf.clipByValue(x.add(uniformNoise(x, { norm: threat.norm, eps }, rng)), 0, 1)) as tf.Tensor4D;
        return { adversarial: ascend(trainingTarget, x, start, crossEntropy(y), { norm: threat.norm, eps, step: alpha * eps, steps: 1 }) };
      },
      objective({ y }, { adversarial }, ctx) {
        const { logits } = ctx.forward(adversarial as tf.Tensor4D);
        return { loss: ctx.crossEntropy(logits, y), logits, terms: {} };
      },
    };
  },
});
