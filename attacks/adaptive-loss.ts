/**
 * APGD on the loss that suits the model, chosen among several on a few images with few iterations, as adaptive attacks are found by
 * Yao et al. 2021 (arXiv 2102.11860), section 4; one loss for the whole model.
 */
import { z } from 'zod';
import { type Attack, defineAttack } from './attack.ts';
import { apgdSearch } from './parts/apgd/apgd.ts';
import { CANDIDATES, type Candidate, chooseLoss } from './parts/apgd/choice.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { YAO_2021 } from './parts/papers.ts';

const names = Object.keys(CANDIDATES) as [Candidate, ...Candidate[]];

const params = apgdParams.extend({
  losses: z
    .array(z.enum(names))
    .min(1)
    .default(names)
    .describe(
      'tried in this order; scaled-ce: cross-entropy of logits brought to one range; probability-margin: margin of probabilities; dlr: difference of logits ratio',
    ),
  trialImages: z.number().int().min(1).default(32).describe('right images, the first of the data, that every loss is tried on'),
  trialIterations: z.number().int().min(1).default(10).describe('gradient steps of each trial'),
});
type Params = z.infer<typeof params>;

/** The search on one of the losses. */
function searchOn(name: Candidate, p: Params): Attack {
  return {
    async perturb(batch, target, threat, run) {
      // a single class cannot be confused
      if (target.classes < 2) return batch.x.clone();
      return apgdSearch(batch, target, threat, run, { ...p, attempts: p.restarts, loss: (_, y) => CANDIDATES[name](y) });
    },
  };
}

export default defineAttack<Params>({
  name: 'adaptive-loss',
  title: 'APGD on a chosen loss',
  paper: 'after Yao et al. 2021 (arXiv 2102.11860)',
  references: [YAO_2021],
  version: 1,
  access: 'gradient',
  norms: APGD_NORMS,
  params,
  streams: true,
  few: ({ trialImages }) => trialImages,
  averages: apgdAverages,
  cost: (p, _, norm) => apgdCost(p, p.restarts, norm),
  // without a look at the model it climbs the first loss
  create: (p) => ({
    async fit(few, target, threat, run) {
      const choice = await chooseLoss(p.losses, few, target, threat, run, { ...p, iterations: p.trialIterations, largerEps: false });
      return { attack: searchOn(choice, p), choice };
    },
    ...searchOn(p.losses[0] as Candidate, p),
  }),
});
