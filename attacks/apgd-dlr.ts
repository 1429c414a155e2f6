/** APGD on the difference of logits ratio, Croce and Hein 2020 (arXiv 2003.01690). */
import { defineAttack } from './attack.ts';
import { apgdSearch } from './parts/apgd/apgd.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { type ApgdParams, apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { dlr } from './parts/dlr.ts';
import { CROCE_2020 } from './parts/papers.ts';

export default defineAttack<ApgdParams>({
  name: 'apgd-dlr',
  title: 'APGD-DLR',
  paper: 'Croce and Hein 2020 (arXiv 2003.01690)',
  references: [CROCE_2020],
  version: 1,
  access: 'gradient',
  norms: APGD_NORMS,
  params: apgdParams,
  // the ratio has the third largest logit below its bar
  minClasses: 3,
  streams: true,
  averages: apgdAverages,
  cost: (p, _, norm) => apgdCost(p, p.restarts, norm),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      return apgdSearch(batch, target, threat, run, { ...p, isMargin: true, attempts: p.restarts, loss: (_, y) => dlr(y) });
    },
  }),
});
