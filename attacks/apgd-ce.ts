/** APGD on the cross-entropy, Croce and Hein 2020 (arXiv 2003.01690). */
import { defineAttack } from './attack.ts';
import { apgdSearch } from './parts/apgd/apgd.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { type ApgdParams, apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { crossEntropy } from './parts/losses.ts';
import { CROCE_2020 } from './parts/papers.ts';

export default defineAttack<ApgdParams>({
  name: 'apgd-ce',
  title: 'APGD-CE',
  paper: 'Croce and Hein 2020 (arXiv 2003.01690)',
  references: [CROCE_2020],
  version: 1,
  access: 'gradient',
  saturates: () => ['cross-entropy'],
  norms: APGD_NORMS,
  params: apgdParams,
  streams: true,
  averages: apgdAverages,
  cost: (p, _, norm) => apgdCost(p, p.restarts, norm),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      // a single class cannot be confused
      if (target.classes < 2) return batch.x.clone();
      return apgdSearch(batch, target, threat, run, { ...p, attempts: p.restarts, loss: (_, y) => crossEntropy(y) });
    },
  }),
});
