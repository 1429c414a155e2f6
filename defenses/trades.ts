/** TRADES, Zhang et al. 2019 (arXiv 1901.08573), eq. 5, as the authors' code computes it: cross-entropy plus beta times KL. */
import { z } from 'zod';
import type { Loss, Target, Threat } from '../attacks/attack.ts';
import { climbAtOnce } from '../attacks/parts/search/ascent.ts';
import { klDivergence } from '../tensor/fused.ts';
import { atNorm, type ByNorm, normsIn } from '../tensor/norms/index.ts';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training } from './defense.ts';
import { ascend, gaussianNoise, type Noise } from './parts/craft.ts';
import { tradesL2 } from './parts/trades-l2.ts';

const params = z.strictObject({
  beta: z.number().min(0).default(6),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z
    .number()
    .positive()
    .optional()
    .describe('Step size; when absent 0.007 / 0.031 of the radius (Linf), or twice the radius over `steps` (L2)'),
});
type Params = z.infer<typeof params>;

/** A search from a small perturbation of `x`, both `[n,h,w,c]`: `climb` takes over `small`, and the caller owns what it returns. */
interface Inner {
  stepSize(eps: number, steps: number): number;
  climb(
    target: Pick<Target, 'gradient'>,
    loss: Loss,
    from: { x: tf.Tensor4D; small: tf.Tensor4D; rng: Rng },
    size: { eps: number; step: number; steps: number },
  ): tf.Tensor4D;
}

/** The start of a search, with `small` taken over. */
function beside(x: tf.Tensor4D, small: tf.Tensor4D): tf.Tensor4D {
  const start = x.add<tf.Tensor4D>(small);
  small.dispose();
  return start;
}

const INNER = {
  Linf: {
    stepSize: (eps) => (eps * 0.007) / 0.031,
    climb: (target, loss, { x, small }, size) => ascend(target, x, beside(x, small), loss, { norm: 'Linf', ...size }),
  },
  L2: {
    stepSize: (eps, steps) => (2 * eps) / steps,
    climb(target, loss, { x, small, rng }, { steps, ...size }) {
      const last = climbAtOnce({ origin: x, start: beside(x, small), steps }, { target, loss, step: tradesL2(rng, size) });
      const adversarial = tf.clipByValue(last, 0, 1);
      last.dispose();
      return adversarial;
    },
  },
} satisfies ByNorm<Inner>;

/** The training with a given start noise, for tests that compare with another code's. */
export function createTrades({ beta, steps, ...p }: Params, { norm, eps: radius }: Threat, noise: Noise): Training {
  const eps = p.eps ?? radius;
  const inner = atNorm<Inner>(INNER, norm, 'defense trades');
  const step = p.step ?? inner.stepSize(eps, steps);
  return {
    async craft({ x, rng }, { target }) {
      const clean = target.logits(x);
      const divergence: Loss = (logits) => klDivergence(clean, logits);
      const small = tf.tidy(() => noise(x, rng).mul(0.001)) as tf.Tensor4D;
      const adversarial = inner.climb(target, divergence, { x, small, rng }, { eps, step, steps });
      clean.dispose();
      return { adversarial };
    },
    objective({ x, y }, { adversarial }, ctx) {
      const first = ctx.forward(x).logits;
      const natural = ctx.crossEntropy(first, y);
      const logits = ctx.forward(adversarial as tf.Tensor4D).logits;
      const second = ctx.forward(x).logits;
      const robust = klDivergence(second, logits).mean() as tf.Scalar;
      return { loss: natural.add(robust.mul(beta)) as tf.Scalar, logits, terms: { natural, robust } };
    },
  };
}

export default defineDefense<Params>({
  name: 'trades',
  title: 'TRADES',
  paper: 'Zhang et al. 2019 (arXiv 1901.08573)',
  references: [
    {
      key: 'zhang2019theoretically',
      author: 'Zhang, Hongyang and Yu, Yaodong and Jiao, Jiantao and Xing, Eric P. and El Ghaoui, Laurent and Jordan, Michael I.',
      title: 'Theoretically Principled Trade-off between Robustness and Accuracy',
      venue: 'International Conference on Machine Learning',
      year: 2019,
      arxiv: '1901.08573',
    },
  ],
  version: 1,
  kind: 'training',
  norms: normsIn(INNER),
  params,
  // the authors run the natural images through the network twice
  cost: ({ steps }) => ({ forward: steps + 3, backward: steps + 2, update: 2 }),
  create: (p, { threat }) => createTrades(p, threat, gaussianNoise),
});
