/** Nuclear-norm adversarial training, Sriramanan et al. 2021 (NeurIPS), algorithm 1, as the authors' code for CIFAR-10 computes it. */
import { z } from 'zod';
import { defineDefense } from './defense.ts';
import { createGuided } from './parts/guided.ts';
import { nuclearByRow } from './parts/nuclear.ts';

const params = z.strictObject({
  lambda: z
    .number()
    .min(0)
    .default(4.5)
    .describe('Final weight of the nuclear norm of the difference of logits, divided by the batch size'),
  ramp: z.number().gt(0).max(1).default(0.9).describe('Fraction of the epochs in which the weight grows from 0, after each of them'),
  start: z.number().min(0).default(0.5).describe('Size of the random start as a multiple of the radius: 4/255 at 8/255'),
  eps: z.number().positive().optional().describe('Radius and step size; that of the threat model when absent'),
});

export default defineDefense<z.infer<typeof params>>({
  name: 'nuat',
  title: 'Nuclear-norm adversarial training (NuAT)',
  paper: 'Sriramanan et al. 2021 (NeurIPS)',
  references: [
    {
      key: 'sriramanan2021towards',
      author: 'Sriramanan, Gaurang and Addepalli, Sravanti and Baburaj, Arya and Babu, R. Venkatesh',
      title: 'Towards Efficient and Effective Adversarial Training',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2021,
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 4, backward: 3, update: 2 }),
  create({ lambda, ramp, start, eps }, { threat, epochs }) {
    const weight = ({ epoch }: { epoch: number }) => lambda * Math.min(1, epoch / (ramp * epochs));
    return createGuided({ eps: eps ?? threat.eps, start, term: 'nuclear', tie: nuclearByRow, weight }, threat);
  },
});
