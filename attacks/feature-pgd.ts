/**
 * PGD on features: away from those of the image itself, or toward those of an image of another class, after feature adversaries (Sabour et al.
 * 2016, arXiv 1511.05122, eq. 1) as adaptive attacks use them (Tramèr et al. 2020, arXiv 2002.08347). Features are what the last linear
 * layer takes: of a defense that trains on features (MOREL) those that its regulariser acts upon, before the head that training throws away.
 * Of a helper that takes part in training alone (HAT) no record keeps anything to climb: its effect on the one network is all there is.
 */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { type Attack, type Attempt, type Batch, defineAttack, type Target } from './attack.ts';
import { crossEntropy } from './parts/losses.ts';
import { SABOUR_2016, TRAMER_2020 } from './parts/papers.ts';
import { randomStarts } from './parts/search/climb.ts';
import { cleanFeatures, climbedByFeatures, featuresOf } from './parts/search/features.ts';
import { search } from './parts/search/search.ts';
import { steepest } from './parts/step.ts';

const params = z.strictObject({
  goal: z
    .enum(['toward', 'away'])
    .default('toward')
    .describe('toward: the features of an image of another class, the nearest first; away: from those of the image itself'),
  metric: z.enum(['l2', 'cosine']).default('l2').describe('l2: squared distance of features; cosine: that of features of length 1'),
  crossEntropy: z.number().min(0).lt(1).default(0.5).describe('share of the cross-entropy in what is climbed, the rest being features'),
  guides: z.number().int().min(1).default(64).describe('right images, the first of the data, whose features may be gone toward'),
  steps: z.number().int().min(1).default(20).describe('gradient steps per restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
  restarts: z.number().int().min(1).default(5).describe('random starts per example, each toward another image'),
  eotIterations: z.number().int().min(1).default(1).describe('passes over which each gradient is averaged, for random classifiers'),
});
type Params = z.infer<typeof params>;

/** Images to go toward. */
interface Guides {
  /** `[g,width]` on the host: nothing of a fitted attack stays on the device. */
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

/** Features `[n,width]` as their distance is measured. */
const measured = (features: tf.Tensor2D, { metric }: Params): tf.Tensor2D =>
  metric === 'l2' ? features : features.div(tf.maximum(features.square().sum(1, true).sqrt(), 1e-12));

/** Squared distances of the rows of `a` `[n,d]` from those of `b` `[g,d]`: `[n,g]`. */
const distances = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D =>
  a
    .square()
    .sum(1, true)
    .add(b.square().sum(1))
    .sub(tf.matMul(a, b, false, true).mul(2));

/** Where each attempt is pulled from or to. */
interface Anchors {
  /** `[n + g,width]`, measured: the images of the batch, then the guides. Owned by the caller. */
  readonly points: tf.Tensor2D;
  /** The row of `points` for an attempt, and the weight of its squared distance: 1 over the squared length of the way, less than 0 toward it. */
  of(attempt: Attempt): { row: number; weight: number };
}

/** Toward guides of other classes, the nearest first; away from the image itself where that is the goal or there is no such guide. */
async function anchorsOf(
  batch: Batch,
  target: Target,
  run: Parameters<Attack['perturb']>[3],
  guides: Guides | undefined,
  p: Params,
): Promise<Anchors> {
  const n = batch.ids.length;
  const features = featuresOf(target);
  const clean = await cleanFeatures(batch, features, run);
  const g = guides?.labels.length ?? 0;
  const [points, all] = tf.tidy(() => {
    const own = measured(clean, p);
    const origin = tf.zeros<tf.Rank.R2>([1, features.width]);
    const theirs = measured(tf.tensor2d(guides?.features ?? [], [g, features.width]), p);
    return [tf.concat([own, theirs], 0), distances(own, tf.concat([origin, theirs], 0))];
  }) as [tf.Tensor2D, tf.Tensor2D];
  const away = await all.data();
  tf.dispose([clean, all]);
  const distance = (row: number, k: number) => Math.max(away[row * (g + 1) + k] as number, 1e-12);
  const nearest = Array.from(batch.labels, (label, row) =>
    Array.from({ length: g }, (_, k) => k)
      .filter((k) => guides?.labels[k] !== label)
      .sort((a, b) => distance(row, a + 1) - distance(row, b + 1)),
  );
  return {
    points,
    of({ row, nth }) {
      const order = nearest[row] as number[];
      const guide = order[nth % order.length];
      if (guide === undefined) return { row, weight: 1 / distance(row, 0) };
      return { row: n + guide, weight: -1 / distance(row, guide + 1) };
    },
  };
}

/** The search with these guides; without any it goes away. */
function searchWith(guides: Guides | undefined, p: Params): Attack {
  return {
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const anchors = await anchorsOf(batch, target, run, guides, p);
      try {
        return await search(batch, climbedByFeatures(target, p.eotIterations), run, {
          attempts: p.restarts,
          steps: p.steps,
          step: steepest(threat, p.stepSize ?? (2.5 * threat.eps) / p.steps),
          start: randomStarts(batch, threat, run, true),
          loss: (attempts, y) => (features) => {
            const own = attempts.map((attempt) => anchors.of(attempt));
            const points = tf.gather(
              anchors.points,
              tf.tensor1d(
                own.map(({ row }) => row),
                'int32',
              ),
            );
            const away = measured(features, p).sub(points).square().sum(1);
            const value = away.mul(tf.tensor1d(own.map(({ weight }) => weight)));
            if (p.crossEntropy === 0) return value as tf.Tensor1D;
            const ce = crossEntropy(y)(featuresOf(target).logits(features));
            return value.mul(1 - p.crossEntropy).add(ce.mul(p.crossEntropy)) as tf.Tensor1D;
          },
        });
      } finally {
        anchors.points.dispose();
      }
    },
  };
}

export default defineAttack<Params>({
  name: 'feature-pgd',
  title: 'PGD on features',
  paper: 'after Sabour et al. 2016 (arXiv 1511.05122), as Tramèr et al. 2020 (arXiv 2002.08347) use such attacks',
  references: [SABOUR_2016, TRAMER_2020],
  version: 1,
  access: 'gradient',
  features: true,
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  few: ({ goal, guides }) => (goal === 'toward' ? guides : 0),
  averages: ({ eotIterations }) => eotIterations > 1,
  cost: ({ steps, restarts, eotIterations }) => ({
    forward: 1 + restarts * eotIterations * (steps + 1),
    backward: restarts * eotIterations * steps,
  }),
  create: (p) => ({
    async fit(few, target, _, run) {
      const features = await cleanFeatures(few, featuresOf(target), run);
      const guides = { features: (await features.data()) as Float32Array, labels: few.labels };
      features.dispose();
      return { attack: searchWith(guides, p), choice: `${guides.labels.length} guides` };
    },
    ...searchWith(undefined, p),
  }),
});
