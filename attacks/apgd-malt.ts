/** APGD-T with its targets in the order of MALT: the nearest boundary in the linear picture first, Melamed, Yehudai and Shamir 2024 (arXiv 2407.02240). */
import { z } from 'zod';
import { defineAttack } from './attack.ts';
import { untilCertain } from './parts/apgd/certain.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { apgdTargeted } from './parts/apgd/targeted.ts';
import { MELAMED_2024 } from './parts/papers.ts';
import { nearestClasses } from './parts/search/nearest-classes.ts';

const params = apgdParams.extend({
  targets: z.number().int().min(1).default(9).describe('classes tried per example, the nearest in the linear picture first'),
  candidates: z.number().int().min(1).default(9).describe('classes of the largest clean logits that are ranked, at a backward pass each'),
  untilCertain,
});
type Params = z.infer<typeof params>;

const counts = ({ targets, candidates }: Params, classes: number) => {
  const ranked = Math.min(candidates, classes - 1);
  return { ranked, tried: Math.min(targets, ranked) };
};

export default defineAttack<Params>({
  name: 'apgd-malt',
  title: 'APGD-T by MALT',
  paper: 'Melamed, Yehudai and Shamir 2024 (arXiv 2407.02240)',
  references: [MELAMED_2024],
  version: 1,
  access: 'gradient',
  norms: APGD_NORMS,
  params,
  // the ratio has the third and the fourth largest logit below its bar
  minClasses: 4,
  streams: true,
  averages: apgdAverages,
  cost: (p, classes, norm) => {
    const { ranked, tried } = counts(p, classes);
    const { forward, backward } = apgdCost(p, p.restarts * tried, norm);
    return { forward: forward + 1, backward: backward + ranked };
  },
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (batch.ids.length === 0 || threat.eps === 0) return batch.x.clone();
      const { ranked, tried } = counts(p, target.classes);
      const order = await nearestClasses(batch, target, threat, run, ranked);
      return apgdTargeted(batch, target, threat, run, { ...p, ranks: order, first: 0, tried });
    },
  }),
});
