/** Random noise of full size: the baseline that every attack must beat. */
import { z } from 'zod';
import { NORMS } from '../tensor/norms/index.ts';
import { defineAttack } from './attack.ts';
import { search } from './parts/search/search.ts';
import { randomStart } from './parts/start.ts';

const params = z.strictObject({
  draws: z.number().int().min(1).default(10).describe('random points tried per example'),
});

/** Uniform in the Linf ball, or uniform on the L2 or L1 sphere, cut to the box. An example counts as broken when any draw is misclassified. */
export default defineAttack<z.infer<typeof params>>({
  name: 'noise',
  title: 'Random noise',
  paper: 'baseline',
  version: 1,
  access: 'decision',
  role: 'baseline',
  norms: NORMS,
  params,
  streams: true,
  cost: ({ draws }) => ({ forward: draws, backward: 0 }),
  create: ({ draws }) => ({
    perturb: (batch, target, threat, run) =>
      search(batch, target, run, {
        attempts: draws,
        steps: 0,
        start: (x, attempts) =>
          randomStart(
            x,
            threat,
            attempts.map((j) => run.rng.fork(batch.ids[j.row] as number).fork(j.nth)),
          ),
        step: ({ x }) => ({ x: x.clone() }),
        loss: () => (logits) => logits.max(1),
      }),
  }),
});
