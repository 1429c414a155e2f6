/** MI-FGSM, Dong et al. 2018 (arXiv 1710.06081): iterative FGSM with momentum. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { defineAttack } from './attack.ts';
import { DONG_2018 } from './parts/papers.ts';
import { climbingSearch } from './parts/search/climb.ts';
import { decides } from './parts/search/decides.ts';
import { momentum } from './parts/step.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(10).describe('gradient steps per restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; eps / steps when absent, as published'),
  decay: z.number().min(0).default(1).describe('share of the accumulated gradient that is kept at each step'),
  restarts: z.number().int().min(1).default(1).describe('starts per example: the image itself, then random points'),
  randomStart: z.boolean().default(false).describe('whether the first start is random too'),
  loss: z.enum(['ce', 'margin']).default('ce').describe('ce: cross-entropy; margin: Carlini and Wagner'),
  decides,
});

export default defineAttack<z.infer<typeof params>>({
  name: 'mim',
  title: 'MIM',
  paper: 'Dong et al. 2018 (arXiv 1710.06081)',
  references: [DONG_2018],
  version: 1,
  access: 'gradient',
  saturates: ({ loss }) => (loss === 'ce' ? ['cross-entropy'] : []),
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  lastPoint: true,
  cost: ({ steps, restarts }) => ({ forward: restarts * (steps + 1), backward: restarts * steps }),
  create: (p) => ({
    perturb: (batch, target, threat, run) =>
      climbingSearch(batch, target, threat, run, {
        ...p,
        step: momentum(threat, p.stepSize ?? threat.eps / p.steps, p.decay),
      }),
  }),
});
