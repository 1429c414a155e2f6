/** CW inside the budget: PGD on the margin of Carlini and Wagner 2017 (arXiv 1608.04644), as robustness papers report CW-inf. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { defineAttack } from './attack.ts';
import { CARLINI_2017 } from './parts/papers.ts';
import { climbingSearch } from './parts/search/climb.ts';
import { decides } from './parts/search/decides.ts';
import { steepest } from './parts/step.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(30).describe('gradient steps per restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
  restarts: z.number().int().min(1).default(1).describe('random starts per example; later ones only for examples still right'),
  randomStart: z.boolean().default(true).describe('whether the first start is random, or the image itself'),
  decides,
});

export default defineAttack<z.infer<typeof params>>({
  name: 'cw',
  title: 'CW',
  paper: 'Carlini and Wagner 2017 (arXiv 1608.04644), margin loss f6 climbed by PGD',
  references: [CARLINI_2017],
  version: 1,
  access: 'gradient',
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  lastPoint: true,
  cost: ({ steps, restarts }) => ({ forward: restarts * (steps + 1), backward: restarts * steps }),
  create: (p) => ({
    perturb: (batch, target, threat, run) =>
      climbingSearch(batch, target, threat, run, {
        ...p,
        loss: 'margin',
        step: steepest(threat, p.stepSize ?? (2.5 * threat.eps) / p.steps),
      }),
  }),
});
