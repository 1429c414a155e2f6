/** Free adversarial training, Shafahi et al. 2019 (arXiv 1904.12843), algorithm 1: every batch is replayed, and one backward pass moves weights and perturbation. */
import { z } from 'zod';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';

const params = z.strictObject({
  replays: z
    .number()
    .int()
    .min(1)
    .default(8)
    .describe('Optimizer steps on each batch; the data is then visited `recipe.epochs / replays` times, rounded up'),
  eps: z.number().positive().optional().describe('Radius and step size; that of the threat model when absent'),
});

export default defineDefense<z.infer<typeof params>>({
  name: 'free-at',
  title: 'Free adversarial training',
  paper: 'Shafahi et al. 2019 (arXiv 1904.12843)',
  references: [
    {
      key: 'shafahi2019adversarial',
      author:
        'Shafahi, Ali and Najibi, Mahyar and Ghiasi, Amin and Xu, Zheng and Dickerson, John and Studer, Christoph and Davis, Larry S. and Taylor, Gavin and Goldstein, Tom',
      title: 'Adversarial Training for Free!',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2019,
      arxiv: '1904.12843',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 1, backward: 1 }),
  create({ replays, eps: radius }, { network, threat, batchSize }) {
    const eps = radius ?? threat.eps;
    // kept from batch to batch, as the authors do
    const delta = tf.tidy(() => tf.variable(tf.zeros([batchSize, ...network.inputShape]), true));
    return {
      replays,
      watched: new Map([['delta', delta]]),
      async craft() {
        return {};
      },
      objective({ x, y }, _crafted, ctx) {
        const own = delta.slice(0, x.shape[0]);
        const adversarial = tf.clipByValue(x.add(own), 0, 1) as tf.Tensor4D;
        const { logits } = ctx.forward(adversarial);
        return { loss: ctx.crossEntropy(logits, y), logits, terms: {} };
      },
      afterStep(_batch, gradients) {
        const grad = gradients.get('delta');
        if (grad) tf.tidy(() => delta.assign(tf.clipByValue(delta.add(grad.sign().mul(eps)), -eps, eps)));
      },
    };
  },
});
