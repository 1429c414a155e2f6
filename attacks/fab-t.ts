/** Targeted FAB: towards one class at a time, in the order of the clean logits, Croce and Hein 2020 (arXiv 1907.02044 and 2003.01690). */
import { z } from 'zod';
import { defineAttack } from './attack.ts';
import { fabParams, fabSearch } from './parts/fab/fab.ts';
import { HYPERPLANE_NORMS } from './parts/fab/hyperplane.ts';
import { CROCE_2020_FAB } from './parts/papers.ts';
import { classesByRank } from './parts/search/ranks.ts';

const params = fabParams.extend({
  targets: z.number().int().min(1).default(9).describe('classes tried per example, in the order of the clean logits'),
});
export type FabTargetedParams = z.infer<typeof params>;

export default defineAttack<FabTargetedParams>({
  name: 'fab-t',
  title: 'FAB-T',
  paper: 'Croce and Hein 2020 (arXiv 1907.02044)',
  references: [CROCE_2020_FAB],
  version: 1,
  access: 'gradient',
  norms: HYPERPLANE_NORMS,
  params,
  streams: true,
  cost: ({ iterations, restarts, targets }, classes) => {
    const steps = iterations * restarts * Math.min(targets, classes - 1);
    return { forward: 2 * steps + 1, backward: steps };
  },
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (batch.ids.length === 0 || threat.eps === 0 || target.classes < 2) return batch.x.clone();
      const targets = Math.min(p.targets, target.classes - 1);
      const ranked = await classesByRank(batch, target, run);
      return fabSearch(batch, target, threat, run, {
        ...p,
        attempts: targets * p.restarts,
        toward: (attempts) => ranked.tensor(attempts, (attempt) => 1 + Math.floor(attempt.nth / p.restarts)),
      });
    },
  }),
});
