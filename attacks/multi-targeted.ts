/** MultiTargeted, Gowal et al. 2019 (arXiv 1910.09338): PGD on the margin towards every other class in turn. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { targetedMargin } from './parts/losses.ts';
import { cleanLogits, randomStarts } from './parts/search/climb.ts';
import { search } from './parts/search/search.ts';
import { steepest } from './parts/step.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(20).describe('gradient steps per target and restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
  targets: z.number().int().min(1).optional().describe('classes tried per restart, most likely first; all but the right one when absent'),
  restarts: z.number().int().min(1).default(1).describe('random starts per example and target'),
});

type Params = z.infer<typeof params>;

/** How many classes are tried: at most all but the right one. */
const targetsOf = ({ targets }: Params, classes: number) => Math.min(targets ?? classes - 1, classes - 1);

/** Wrong classes of every row, the largest logit first; equal ones in order of the class. */
function rankedClasses(logits: readonly (readonly number[])[], labels: Int32Array): number[][] {
  return logits.map((row, i) =>
    Array.from(row.keys())
      .filter((k) => k !== labels[i])
      .sort((a, b) => (row[b] as number) - (row[a] as number) || a - b),
  );
}

export default defineAttack<Params>({
  name: 'multi-targeted',
  title: 'MultiTargeted',
  paper: 'Gowal et al. 2019 (arXiv 1910.09338)',
  references: [
    {
      key: 'gowal2019alternative',
      author: 'Gowal, Sven and Uesato, Jonathan and Qin, Chongli and Huang, Po-Sen and Mann, Timothy and Kohli, Pushmeet',
      title: 'An Alternative Surrogate Loss for PGD-based Adversarial Testing',
      year: 2019,
      arxiv: '1910.09338',
    },
  ],
  version: 1,
  access: 'gradient',
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  cost: (p, classes) => {
    const attempts = p.restarts * targetsOf(p, classes);
    return { forward: 1 + attempts * (p.steps + 1), backward: attempts * p.steps };
  },
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      const targets = targetsOf(p, target.classes);
      const logits = await cleanLogits(batch, target, run);
      const ranked = rankedClasses((await logits.array()) as number[][], batch.labels);
      logits.dispose();
      return search(batch, target, run, {
        attempts: p.restarts * targets,
        steps: p.steps,
        step: steepest(threat, p.stepSize ?? (2.5 * threat.eps) / p.steps),
        start: randomStarts(batch, threat, run, true),
        loss: (attempts, y) => (z) => {
          const goals = attempts.map((j) => ranked[j.row]?.[j.nth % targets] as number);
          return targetedMargin(y, tf.tensor1d(goals, 'int32'))(z);
        },
      });
    },
  }),
});
