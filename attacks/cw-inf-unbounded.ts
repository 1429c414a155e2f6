/** CW-inf without a radius, Carlini and Wagner 2017 (arXiv 1608.04644), section VI.C, as the Adversarial Robustness Toolbox runs it (1.20, CarliniLInfMethod). */
import { z } from 'zod';
import { defineAttack } from './attack.ts';
import { CARLINI_2017 } from './parts/papers.ts';
import { Attempts } from './parts/search/attempts.ts';
import { CarliniPass } from './parts/search/carlini.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(10).describe('steps of Adam per round, each round from the image itself'),
  learningRate: z.number().positive().default(0.01).describe('of Adam, in the space of which the tangent is the image'),
  constant: z
    .number()
    .positive()
    .default(15)
    .describe('weight of the margin in what ends a round early (below 0.001); the toolbox leaves it out of the gradient'),
  shrink: z
    .number()
    .positive()
    .lt(1)
    .default(0.9)
    .describe('what the distance aimed at is multiplied by after each round that came nearer'),
});

export default defineAttack<z.infer<typeof params>>({
  name: 'cw-inf-unbounded',
  title: 'CW-inf, without a radius',
  paper: 'Carlini and Wagner 2017 (arXiv 1608.04644), as in the Adversarial Robustness Toolbox',
  references: [CARLINI_2017],
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  bounded: false,
  params,
  streams: true,
  cost: ({ steps }) => ({ forward: steps + 1, backward: steps + 1 }),
  create: (p) => ({
    async perturb(batch, target, _threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const attempts = new Attempts(batch, target, run, { attempts: 1, iterations: 0 });
      return attempts.workOff(new CarliniPass(attempts, target, p));
    },
  }),
});
