/** FAB, the fast adaptive boundary attack, Croce and Hein 2020 (arXiv 1907.02044). */
import { defineAttack } from './attack.ts';
import { type FabParams, fabParams, fabSearch } from './parts/fab/fab.ts';
import { HYPERPLANE_NORMS } from './parts/fab/hyperplane.ts';
import { CROCE_2020_FAB } from './parts/papers.ts';

export default defineAttack<FabParams>({
  name: 'fab',
  title: 'FAB',
  paper: 'Croce and Hein 2020 (arXiv 1907.02044)',
  references: [CROCE_2020_FAB],
  version: 1,
  access: 'gradient',
  norms: HYPERPLANE_NORMS,
  params: fabParams,
  streams: true,
  cost: ({ iterations, restarts }, classes) => ({
    forward: 2 * iterations * restarts,
    backward: iterations * restarts * (classes - 1),
  }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      // a single class has no boundary
      if (target.classes < 2) return batch.x.clone();
      return fabSearch(batch, target, threat, run, { ...p, attempts: p.restarts, toward: () => undefined });
    },
  }),
});
