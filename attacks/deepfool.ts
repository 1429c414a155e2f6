/** DeepFool, Moosavi-Dezfooli et al. 2016 (arXiv 1511.04599), algorithm 2, as the Adversarial Robustness Toolbox runs it (1.20): overshoot once, at the end. */
import { z } from 'zod';
import type { Linearized } from '../models/classifier.ts';
import { norm } from '../tensor/norms/index.ts';
import { L2 } from '../tensor/norms/l2.ts';
import { tf } from '../tensor/tf.ts';
import { type Batch, defineAttack, type Target, type Threat } from './attack.ts';
import { MOOSAVI_2016 } from './parts/papers.ts';
import { Finds, rowsOf, turn } from './parts/search/finds.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(100).describe('steps at most; an example ends at its first error'),
  overshoot: z.number().min(0).default(0.001).describe('share by which the perturbation is lengthened at the end'),
  gradients: z.number().int().min(2).default(10).describe('classes that are looked at: the likeliest on the image, its own among them'),
});
type Params = z.infer<typeof params>;

/** Keeps quotients finite. */
const TINY = 1e-7;

export default defineAttack<Params>({
  name: 'deepfool',
  title: 'DeepFool',
  paper: 'Moosavi-Dezfooli, Fawzi and Frossard 2016 (arXiv 1511.04599)',
  references: [MOOSAVI_2016],
  version: 1,
  access: 'gradient',
  // it goes to the nearest error in L2; what of that lies in a ball of another norm counts there
  norms: ['Linf', 'L2', 'L1'],
  params,
  cost: ({ steps, gradients }, classes) => ({
    forward: steps + 1,
    backward: (steps + 1) * (Math.min(gradients, classes) - 1),
  }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no boundary
      const finds = new Finds(batch);
      let here: Here = { rows: Array.from(batch.ids.keys()), x: batch.x.clone() };
      try {
        for (let step = 0; step <= p.steps && here.rows.length > 0; step++) {
          await turn(run.signal);
          const { wrong, next, others } = await look(here, batch, target, p.gradients);
          const broken = here.rows.flatMap((_, i) => (wrong[i] ? [i] : []));
          await keep(here, broken, { batch, threat, overshoot: p.overshoot, finds, step });
          const on = here.rows.flatMap((_, i) => (wrong[i] ? [] : [i]));
          const left = { rows: on.map((i) => here.rows[i] as number), x: rowsOf(next, on), others: on.map((i) => others[i] as number[]) };
          tf.dispose([here.x, next]);
          here = left;
        }
        return finds.finish(run, p.steps);
      } finally {
        here.x.dispose();
        finds.dispose();
      }
    },
  }),
});

/** Examples on their way: their rows in the batch, their points `[k,h,w,c]` and the classes whose boundaries are looked at. */
interface Here {
  readonly rows: readonly number[];
  readonly x: tf.Tensor4D;
  readonly others?: readonly (readonly number[])[];
}

/** Which points are misclassified, and where a step to the nearest of the boundaries, each taken for a plane, leads from every point. */
async function look(
  { rows, x, others: known }: Here,
  batch: Batch,
  target: Target,
  gradients: number,
): Promise<{ wrong: boolean[]; next: tf.Tensor4D; others: readonly (readonly number[])[] }> {
  const { classes } = target;
  const lin = target.linearize(
    x,
    rows.map((row) => ({ row, nth: 0 })),
  );
  try {
    const logits = (await lin.logits.data()) as Float32Array;
    const scores = rows.map((_, i) => logits.subarray(i * classes, (i + 1) * classes));
    const labels = rows.map((row) => batch.labels[row] as number);
    const others = known ?? scores.map((own, i) => likeliest(own, gradients, labels[i] as number));
    const wrong = scores.map((own, i) => own.indexOf(own.reduce((a, b) => Math.max(a, b))) !== labels[i]);
    return { wrong, next: stepFrom(x, lin, scores, labels, others), others };
  } finally {
    lin.dispose();
  }
}

/** The `count` classes of the largest scores without `label`; one fewer than asked where that is not among them. */
function likeliest(scores: Float32Array, count: number, label: number): number[] {
  const order = Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  const others = order.slice(0, count).filter((k) => k !== label);
  return others.slice(0, count - 1);
}

function stepFrom(
  x: tf.Tensor4D,
  lin: Linearized,
  scores: readonly Float32Array[],
  labels: readonly number[],
  others: readonly (readonly number[])[],
): tf.Tensor4D {
  const [n, classes] = [labels.length, scores[0]?.length ?? 0];
  return tf.tidy(() => {
    let nearest: tf.Tensor = tf.fill([n], Number.POSITIVE_INFINITY);
    let move: tf.Tensor = tf.zerosLike(x);
    for (let j = 0; j < (others[0]?.length ?? 0); j++) {
      const toward = new Float32Array(n * classes);
      const gaps = new Float32Array(n);
      labels.forEach((label, i) => {
        const other = others[i]?.[j] as number;
        toward[i * classes + other] = 1;
        toward[i * classes + label] = -1;
        gaps[i] = Math.abs((scores[i]?.[other] as number) - (scores[i]?.[label] as number));
      });
      const grad = lin.pullback(tf.tensor2d(toward, [n, classes]));
      const [length, gap] = [L2.size(grad), tf.tensor1d(gaps)];
      const distance = gap.div(length.add(TINY));
      const nearer = distance.less(nearest);
      const own = grad.mul(gap.div(length.square().add(TINY)).reshape([n, 1, 1, 1]));
      move = tf.where(nearer.reshape([n, 1, 1, 1]), own, move);
      nearest = tf.where(nearer, distance, nearest);
    }
    return tf.clipByValue(x.add(move), 0, 1) as tf.Tensor4D;
  });
}

interface Keeping {
  readonly batch: Batch;
  readonly threat: Threat;
  readonly overshoot: number;
  readonly finds: Finds;
  readonly step: number;
}

/** Keeps errors, lengthened, that lie in the ball. */
async function keep({ rows, x }: Here, broken: readonly number[], { batch, threat, overshoot, finds, step }: Keeping): Promise<void> {
  if (broken.length === 0) return;
  const own = broken.map((i) => rows[i] as number);
  const points = tf.tidy(() => {
    const clean = rowsOf(batch.x, own);
    return tf.clipByValue(
      clean.add(
        rowsOf(x, broken)
          .sub(clean)
          .mul(1 + overshoot),
      ),
      0,
      1,
    ) as tf.Tensor4D;
  });
  const sizes = tf.tidy(() => norm(threat.norm).size(points.sub(rowsOf(batch.x, own)) as tf.Tensor4D));
  const distances = await sizes.data();
  const inside = own.flatMap((_, i) => ((distances[i] as number) <= threat.eps ? [i] : []));
  finds.found(
    points,
    inside,
    inside.map((i) => own[i] as number),
    inside.map(() => step),
  );
  tf.dispose([points, sizes]);
}
