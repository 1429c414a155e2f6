/** Sigma-zero, Cinà et al. 2025 (arXiv 2402.01879), algorithm 1: few values changed, by gradient steps on a smooth count of them. */
import { z } from 'zod';
import { type ByNorm, normsIn } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { margin } from './parts/losses.ts';
import { cosine, descend, type Look, type Next, perExample } from './parts/minimum/descent.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(1000).describe('gradient steps per example, all of which are taken'),
  stepSize: z.number().positive().default(1).describe('of the first step; it falls to a tenth along half a cosine'),
  sigma: z.number().positive().default(1e-3).describe('how smooth the count is: a change counts by half where its square is this'),
  threshold: z.number().min(0).max(1).default(0.3).describe('changes below it are undone, at first'),
  thresholdStep: z
    .number()
    .positive()
    .default(0.01)
    .describe('what the threshold rises by after an error and falls by without one, in steps'),
});
type Params = z.infer<typeof params>;

/** Of Adam: how long the means of gradients and of their squares last, and what keeps their ratio finite. */
const ADAM = { mean: 0.9, square: 0.999, least: 1e-8 } as const;
const TINY = 1e-12;

/** What is counted, by the size of its change: a value alone, or the largest and the sum of squares over the channels of a pixel, which is ours. */
interface Count {
  readonly square: (delta: tf.Tensor4D) => tf.Tensor4D;
  readonly largest: (delta: tf.Tensor4D) => tf.Tensor4D;
}
const COUNTS = {
  L0: { square: (delta) => delta.square(), largest: (delta) => delta.abs() },
  'L0-pixels': {
    square: (delta) => delta.square().sum(3, true) as tf.Tensor4D,
    largest: (delta) => delta.abs().max(3, true) as tf.Tensor4D,
  },
} satisfies ByNorm<Count>;

export default defineAttack<Params>({
  name: 'sigma-zero',
  title: 'σ-zero',
  paper: 'Cinà et al. 2025 (arXiv 2402.01879)',
  references: [
    {
      key: 'cina2025sigmazero',
      author:
        'Cinà, Antonio Emanuele and Villani, Francesco and Pintor, Maura and Schönherr, Lea and Biggio, Battista and Pelillo, Marcello',
      title: 'σ-zero: Gradient-based Optimization of ℓ0-norm Adversarial Examples',
      venue: 'International Conference on Learning Representations',
      year: 2025,
      arxiv: '2402.01879',
    },
  ],
  version: 1,
  access: 'gradient',
  minimumNorm: true,
  norms: normsIn(COUNTS),
  params,
  cost: ({ steps }) => ({ forward: steps, backward: steps }),
  create: (p) => ({
    perturb: (batch, target, threat, run) =>
      descend(batch, target, threat, run, {
        steps: p.steps,
        // an error pulls no farther: the loss of the paper is what an error is short of, and nothing at one
        loss: (logits) => tf.minimum(margin(batch.y)(logits), 0) as tf.Tensor1D,
        memory: (origin) => ({
          mean: tf.zerosLike(origin),
          square: tf.zerosLike(origin),
          threshold: tf.fill([origin.shape[0]], p.threshold),
        }),
        step: (look, memory) => sparser(look, memory, COUNTS[threat.norm as keyof typeof COUNTS], p),
      }),
  }),
});

/** A step of Adam along the scaled gradient of the loss and of the smooth count, then without the changes that are below the threshold. */
function sparser({ step, x, origin, grad, wrong }: Look, memory: Next['memory'], count: Count, p: Params): Next {
  const delta = x.sub(origin) as tf.Tensor4D;
  const squares = count.square(delta);
  const units = squares.size / x.shape[0];
  const smooth = delta
    .mul(2 * p.sigma)
    .div(squares.add(p.sigma).square())
    .div(units);
  const slope = smooth.sub(grad);
  const scaled = slope.div(tf.maximum(slope.abs().max([1, 2, 3], true), TINY));
  const mean = (memory.mean as tf.Tensor).mul(ADAM.mean).add(scaled.mul(1 - ADAM.mean));
  const square = (memory.square as tf.Tensor).mul(ADAM.square).add(scaled.square().mul(1 - ADAM.square));
  const size = (at: number) => p.stepSize * (0.1 + 0.9 * cosine(at, p.steps));
  const root = square.div(1 - ADAM.square ** (step + 1)).sqrt();
  const moved = mean
    .div(1 - ADAM.mean ** (step + 1))
    .div(root.add(ADAM.least))
    .mul(size(step));
  const inBox = tf.clipByValue(x.sub(moved), 0, 1) as tf.Tensor4D;
  // the threshold moves by the length of the next step
  const change = p.thresholdStep * size(step + 1);
  const threshold = tf.clipByValue((memory.threshold as tf.Tensor).add(wrong.mul(2 * change).sub(change)), 0, 1);
  const small = count.largest(inBox.sub(origin)).less(perExample(threshold)).logicalAnd(tf.onesLike(x).cast('bool'));
  return { x: tf.where(small, origin, inBox) as tf.Tensor4D, memory: { mean, square, threshold } };
}
