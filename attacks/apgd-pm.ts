/** APGD on the probability margin, Xie et al. 2024 (arXiv 2411.15210), without their tuned steps. */
import type { z } from 'zod';
import { defineAttack } from './attack.ts';
import { apgdSearch } from './parts/apgd/apgd.ts';
import { untilCertain } from './parts/apgd/certain.ts';
import { APGD_NORMS } from './parts/apgd/norms.ts';
import { apgdAverages, apgdCost, apgdParams } from './parts/apgd/params.ts';
import { probabilityMargin } from './parts/losses.ts';
import { XIE_2024 } from './parts/papers.ts';

const params = apgdParams.extend({ untilCertain });

export default defineAttack<z.infer<typeof params>>({
  name: 'apgd-pm',
  title: 'APGD-PM',
  paper: 'Xie et al. 2024 (arXiv 2411.15210)',
  references: [XIE_2024],
  version: 1,
  access: 'gradient',
  saturates: () => ['probability margin'],
  norms: APGD_NORMS,
  params,
  streams: true,
  averages: apgdAverages,
  cost: (p, _, norm) => apgdCost(p, p.restarts, norm),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      // a single class cannot be confused
      if (target.classes < 2) return batch.x.clone();
      return apgdSearch(batch, target, threat, run, { ...p, isMargin: true, attempts: p.restarts, loss: (_, y) => probabilityMargin(y) });
    },
  }),
});
