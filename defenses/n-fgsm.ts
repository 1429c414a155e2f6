/** N-FGSM, de Jorge et al. 2022 (arXiv 2202.01181), eq. 7: one step from strong noise, not clipped to the budget afterwards. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { uniformNoise } from './parts/craft.ts';

const params = z.strictObject({
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  k: z.number().min(0).default(2).describe('Radius of the noise as a multiple of `eps`'),
  alpha: z.number().positive().default(1).describe('Step size as a multiple of `eps`'),
});

export default defineDefense<z.infer<typeof params>>({
  name: 'n-fgsm',
  title: 'Noise-FGSM (N-FGSM)',
  paper: 'de Jorge et al. 2022 (arXiv 2202.01181)',
  references: [
    {
      key: 'jorge2022make',
      author:
        'de Jorge, Pau and Bibi, Adel and Volpi, Riccardo and Sanyal, Amartya and Torr, Philip H. S. and Rogez, Grégory and Dokania, Puneet K.',
      title: 'Make Some Noise: Reliable and Efficient Single-Step Adversarial Training',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2022,
      arxiv: '2202.01181',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 2, backward: 2 }),
  create({ eps: radius, k, alpha }, { threat }) {
    const eps = radius ?? threat.eps;
    return {
      // the authors' model stays in training mode while it crafts
      async craft({ x, y, rng }, { trainingTarget }) {
        const noisy = tf.tidy(() => tf.clipByValue(x.add(uniformNoise(x, { norm: threat.norm, eps: k * eps }, rng)), 0, 1)) as tf.Tensor4D;
        const { loss, logits, grad } = trainingTarget.gradient(noisy, crossEntropy(y));
        const adversarial = tf.tidy(() => tf.clipByValue(noisy.add(grad.sign().mul(alpha * eps)), 0, 1));
        tf.dispose([loss, logits, grad, noisy]);
        return { adversarial };
      },
      objective({ y }, { adversarial }, ctx) {
        const { logits } = ctx.forward(adversarial as tf.Tensor4D);
        return { loss: ctx.crossEntropy(logits, y), logits, terms: {} };
      },
    };
  },
});
