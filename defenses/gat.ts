/** Guided adversarial training, Sriramanan et al. 2020 (arXiv 2011.14969), algorithm 2, as the authors' code for CIFAR-10 computes it. */
import { z } from 'zod';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { createGuided } from './parts/guided.ts';

const params = z.strictObject({
  lambda: z.number().min(0).default(10).describe('Weight of the squared distance of the softmax outputs'),
  rise: z.number().min(0).default(4).describe('What `lambda` is multiplied with at the end'),
  riseAt: z.number().min(0).max(1).default(0.86).describe('Fraction of the epochs after which it is: 86 of 100'),
  start: z.number().min(0).default(0.5).describe('Size of the random start as a multiple of the radius: 4/255 at 8/255'),
  eps: z.number().positive().optional().describe('Radius and step size; that of the threat model when absent'),
});

/** Squared distance of the probabilities of every example, `[n]`; `a` and `b` are logits `[n,classes]`. */
const ofProbabilities = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.softmax(a).sub(tf.softmax(b)).square().sum(1) as tf.Tensor1D;

export default defineDefense<z.infer<typeof params>>({
  name: 'gat',
  title: 'Guided adversarial training (GAT)',
  paper: 'Sriramanan et al. 2020 (arXiv 2011.14969)',
  references: [
    {
      key: 'sriramanan2020guided',
      author: 'Sriramanan, Gaurang and Addepalli, Sravanti and Baburaj, Arya and Babu, R. Venkatesh',
      title: 'Guided Adversarial Attack for Evaluating and Enhancing Adversarial Defenses',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2020,
      arxiv: '2011.14969',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 4, backward: 3, update: 2 }),
  create({ lambda, rise, riseAt, start, eps }, { threat, epochs }) {
    const weight = ({ epoch }: { epoch: number }) => (epoch >= Math.round(riseAt * epochs) ? lambda * rise : lambda);
    return createGuided({ eps: eps ?? threat.eps, start, term: 'guide', tie: ofProbabilities, weight }, threat);
  },
});
