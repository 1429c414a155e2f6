/** PGD adversarial training, Madry et al. 2018 (arXiv 1706.06083), eq. 2.1: cross-entropy on the worst point that PGD finds. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { MADRY_2018 } from '../attacks/parts/papers.ts';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { ascend, uniformNoise } from './parts/craft.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(7),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; a quarter of the radius when absent (2/255 at 8/255)'),
});

export default defineDefense<z.infer<typeof params>>({
  name: 'pgd-at',
  title: 'PGD adversarial training',
  paper: 'Madry et al. 2018 (arXiv 1706.06083)',
  references: [MADRY_2018],
  version: 1,
  kind: 'training',
  norms: GRADIENT_NORMS,
  params,
  cost: ({ steps }) => ({ forward: steps + 1, backward: steps + 1 }),
  create({ steps, eps: radius, step }, { threat }) {
    const eps = radius ?? threat.eps;
    const ascent = { norm: threat.norm, eps, step: step ?? eps / 4, steps };
    return {
      async craft({ x, y, rng }, { target }) {
        const start = tf.tidy(() => tf.clipByValue(x.add(uniformNoise(x, { norm: threat.norm, eps }, rng)), 0, 1)) as tf.Tensor4D;
        return { adversarial: ascend(target, x, start, crossEntropy(y), ascent) };
      },
      objective({ y }, { adversarial }, ctx) {
        const { logits } = ctx.forward(adversarial as tf.Tensor4D);
        return { loss: ctx.crossEntropy(logits, y), logits, terms: {} };
      },
    };
  },
});
