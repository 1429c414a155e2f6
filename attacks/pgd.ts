/** PGD, Madry et al. 2018 (arXiv 1706.06083), eq. 1, with random restarts. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { type Attack, defineAttack } from './attack.ts';
import { averagedTarget } from './parts/expectation.ts';
import { lossName } from './parts/losses.ts';
import { MADRY_2018 } from './parts/papers.ts';
import { climbingSearch, type Starts } from './parts/search/climb.ts';
import { decides } from './parts/search/decides.ts';
import { steepest } from './parts/step.ts';

const params = z
  .strictObject({
    steps: z.number().int().min(1).default(20).describe('gradient steps per restart'),
    stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
    restarts: z.number().int().min(1).default(1).describe('random starts per example; later ones only for examples still right'),
    randomStart: z.boolean().default(true).describe('whether the first start is random, or the image itself'),
    loss: lossName.default('ce').describe('ce: cross-entropy; margin: Carlini and Wagner; kl: divergence from the clean prediction'),
    eotIterations: z.number().int().min(1).default(1).describe('passes over which each gradient is averaged, for random classifiers'),
    eotNoise: z
      .number()
      .positive()
      .max(1)
      .optional()
      .describe(
        'a gradient is averaged over as many passes, eotIterations at most, as bring noise to this share of its squared length; over all of them when absent',
      ),
    decides,
    clampStart: z
      .literal(false)
      .optional()
      .describe('false: random starts are not clipped to [0,1] before the first step, as in the code of TRADES; goes with decides: last'),
  })
  .refine((p) => p.eotNoise === undefined || p.eotIterations > 1, {
    path: ['eotNoise'],
    message: 'eotIterations beside it, the most passes that a gradient may take',
  })
  .refine((p) => p.clampStart === undefined || p.decides === 'last', {
    path: ['clampStart'],
    message: 'decides: last beside it, since a start outside of [0,1] is no adversarial example',
  });
export type PgdParams = z.infer<typeof params>;

/** `starts` replaces the random points where given. */
export function createPgd(p: PgdParams, starts?: Starts): Attack {
  return {
    perturb: (batch, target, threat, run) =>
      climbingSearch(batch, averagedTarget(target, p.eotIterations, p.eotNoise), threat, run, {
        ...p,
        step: steepest(threat, p.stepSize ?? (2.5 * threat.eps) / p.steps),
        starts,
      }),
  };
}

export default defineAttack<PgdParams>({
  name: 'pgd',
  title: 'PGD',
  paper: 'Madry et al. 2018 (arXiv 1706.06083)',
  references: [MADRY_2018],
  version: 1,
  access: 'gradient',
  saturates: ({ loss }) => (loss === 'ce' ? ['cross-entropy'] : []),
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  lastPoint: true,
  averages: ({ eotIterations }) => eotIterations > 1,
  cost: ({ steps, restarts, loss, eotIterations }) => ({
    forward: eotIterations * (restarts * (steps + 1) + (loss === 'kl' ? 1 : 0)),
    backward: eotIterations * restarts * steps,
  }),
  create: (p) => createPgd(p),
});
