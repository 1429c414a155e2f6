/** Targeted APGD on the targeted difference of logits ratio, Croce and Hein 2020 (arXiv 2003.01690). */
import { z } from 'zod';
import { defineAttack } from './attack.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { apgdTargeted } from './parts/apgd/targeted.ts';
import { CROCE_2020 } from './parts/papers.ts';
import { classesByRank } from './parts/search/ranks.ts';

const params = apgdParams.extend({
  targets: z.number().int().min(1).default(9).describe('classes tried per example, in the order of the clean logits'),
});
export type ApgdTargetedParams = z.infer<typeof params>;

export default defineAttack<ApgdTargetedParams>({
  name: 'apgd-t',
  title: 'APGD-T',
  paper: 'Croce and Hein 2020 (arXiv 2003.01690)',
  references: [CROCE_2020],
  version: 1,
  access: 'gradient',
  norms: APGD_NORMS,
  params,
  // the ratio has the third and the fourth largest logit below its bar
  minClasses: 4,
  streams: true,
  averages: apgdAverages,
  cost: (p, classes, norm) => {
    const { forward, backward } = apgdCost(p, p.restarts * Math.min(p.targets, classes - 1), norm);
    return { forward: forward + 1, backward };
  },
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (batch.ids.length === 0 || threat.eps === 0) return batch.x.clone();
      const targets = Math.min(p.targets, target.classes - 1);
      const ranked = await classesByRank(batch, target, run);
      // rank 0 is the class that the model predicts
      return apgdTargeted(batch, target, threat, run, { ...p, ranks: ranked, first: 1, tried: targets });
    },
  }),
});
