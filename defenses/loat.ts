/** LOAT, Yin and Ruan 2024 (arXiv 2403.17520), as the code of MOREL computes it: MART with a regulariser on the logits in the first and in the last epochs. */
import { z } from 'zod';
import type { Threat } from '../attacks/attack.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training } from './defense.ts';
import { gaussianNoise, type Noise } from './parts/craft.ts';
import { answeredRight, fluctuation, pairing } from './parts/logit-regularizer.ts';
import { martCraft, martLoss } from './parts/mart.ts';

const weight = z.number().min(0);
const epoch = z.number().int().min(0);

const params = z.strictObject({
  variant: z
    .enum(['LORE_v1', 'LORE'])
    .default('LORE_v1')
    .describe('LORE_v1: the fluctuations of the wrong classes; LORE: also how far the attack moves the answer'),
  form: z.enum(['mse', 'log']).default('mse').describe('Squared differences, or the logarithmic form'),
  beta: weight.default(6).describe('Weight of the KL divergence, as in MART'),
  theta: weight.default(1).describe('Weight of the fluctuations'),
  gamma: weight.default(0.05).describe('Weight of the pairing term, which LORE has'),
  first: epoch
    .default(1)
    .describe('Epochs at the start in which fluctuations are lowered where the answer is right and raised where it is wrong'),
  last: epoch.optional().describe('Epoch, counted from 1, from which it is the other way round; the last one of the recipe when absent'),
  classes: z.number().int().min(2).optional().describe('Classes that share the rest of the probability; those of the data set when absent'),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; 0.007 / 0.031 of the radius when absent'),
});
type Params = z.infer<typeof params>;

/** Where a training of `epochs` epochs is in `epoch`, from 0; between the two phases LOAT is MART. */
function phaseOf(p: Params, epochs: number, epoch: number): 'first' | 'last' | undefined {
  if (epoch < p.first) return 'first';
  return epoch + 1 >= (p.last ?? epochs) ? 'last' : undefined;
}

/** What a phase adds to the loss, and its parts. */
function regularizer(
  p: Params,
  phase: 'first' | 'last',
  { natural, adversarial, y }: Record<'natural' | 'adversarial', tf.Tensor2D> & { y: tf.Tensor1D },
) {
  const right = answeredRight(natural, y);
  const wrong = tf.sub(1, right) as tf.Tensor1D;
  const probs = tf.softmax(natural);
  const classes = p.classes ?? natural.shape[1];
  const [correct, incorrect] = [right, wrong].map((members) => fluctuation(probs, y, members, p.form, classes)) as [tf.Scalar, tf.Scalar];
  const difference = phase === 'first' ? correct.sub(incorrect) : incorrect.sub(correct);
  const terms: Record<string, tf.Scalar> = { fluctuationCorrect: correct, fluctuationWrong: incorrect };
  const fluctuating = difference.mul(p.theta) as tf.Scalar;
  if (p.variant === 'LORE_v1') return { added: fluctuating, terms };
  const paired = pairing(probs, tf.softmax(adversarial), phase === 'first' ? wrong : right, p.form);
  return { added: fluctuating.add(paired.mul(p.gamma)) as tf.Scalar, terms: { ...terms, pairing: paired } };
}

/** The training over `epochs` epochs with a given start noise, for tests that compare with another code's. */
export function createLoat(p: Params, threat: Threat, epochs: number, noise: Noise): Training {
  return {
    craft: martCraft(p, threat, noise),
    objective({ x, y }, { adversarial }, ctx) {
      const natural = ctx.forward(x).logits;
      const logits = ctx.forward(adversarial as tf.Tensor4D).logits;
      const { boosted, robust } = martLoss(natural, logits, y, ctx.crossEntropy);
      const mart = boosted.add(robust.mul(p.beta)) as tf.Scalar;
      const phase = phaseOf(p, epochs, ctx.epoch);
      if (!phase) return { loss: mart, logits, terms: { boosted, robust } };
      const { added, terms } = regularizer(p, phase, { natural, adversarial: logits, y });
      return { loss: mart.add(added) as tf.Scalar, logits, terms: { boosted, robust, ...terms } };
    },
  };
}

export default defineDefense<Params>({
  name: 'loat',
  title: 'LOAT',
  paper: 'Yin and Ruan 2024 (arXiv 2403.17520)',
  references: [
    {
      key: 'yin2024boosting',
      author: 'Yin, Xiangyu and Ruan, Wenjie',
      title: 'Boosting Adversarial Training via Fisher-Rao Norm-based Regularization',
      venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
      year: 2024,
      arxiv: '2403.17520',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: ({ steps }) => ({ forward: steps + 2, backward: steps + 2, update: 2 }),
  create: (p, { threat, epochs }) => createLoat(p, threat, epochs, gaussianNoise),
});
