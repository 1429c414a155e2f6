/** Transfer: adversarial examples made on other models of the suite, then tried on this one. Liu et al. 2017 (arXiv 1611.02770), ensemble in logits. */
import { z } from 'zod';
import { RampartError, unknownName } from '../errors.ts';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { type AttackRun, type Attempt, type Batch, defineAttack, type InnerAttack, type Target, type Threat } from './attack.ts';
import { diverse } from './parts/diversity.ts';
import { crossEntropy, margin } from './parts/losses.ts';
import { DONG_2018 } from './parts/papers.ts';
import { climb } from './parts/search/ascent.ts';
import { randomStarts } from './parts/search/climb.ts';
import { Finds, rowsOf } from './parts/search/finds.ts';
import { momentum } from './parts/step.ts';
import { runInner } from './parts/transfer/inner.ts';
import { meanTarget } from './parts/transfer/mean-target.ts';

/** What examples are made with where no attack is named, in the order in which a record lists it. */
const own = {
  steps: z.number().int().min(1).optional().meta({ default: 20 }).describe('gradient steps per restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
  momentum: z
    .number()
    .min(0)
    .optional()
    .meta({ default: 1 })
    .describe('share of the accumulated gradient that is kept at each step; 0 is PGD'),
  diversity: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ default: 0 })
    .describe('chance that a step looks through random resizing and padding (DI-FGSM)'),
  smallest: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ default: 0.9 })
    .describe('smallest side under that resizing, relative to the image'),
  restarts: z
    .number()
    .int()
    .min(1)
    .optional()
    .meta({ default: 1 })
    .describe('random starts per example; later ones only for examples still right'),
  loss: z.enum(['ce', 'margin']).optional().meta({ default: 'ce' }).describe('ce: cross-entropy; margin: Carlini and Wagner'),
};

const params = z
  .strictObject({
    sources: z
      .array(z.string())
      .min(1)
      .describe('names of the models of the suite to make the examples on; the logits of several are averaged'),
    ...own,
    attack: z
      .looseObject({ name: z.string().describe('an attack or an ensemble: see `rampart ls attacks`') })
      .optional()
      .describe(
        'makes the examples in place of the steps above: an attack with its parameters, such as { name: pgd, steps: 20 }; its last point counts',
      ),
  })
  .superRefine((given, context) => {
    if (!given.attack) return;
    for (const key of Object.keys(own) as (keyof typeof own)[])
      if (given[key] !== undefined)
        context.addIssue({ code: 'custom', path: [key], message: `${key} inside of attack, which makes the examples here` });
  })
  .transform(({ sources, attack, ...given }) => {
    if (attack) return { sources, attack };
    const { steps = 20, momentum = 1, diversity = 0, smallest = 0.9, restarts = 1, loss = 'ce' as const } = given;
    const { stepSize } = given;
    return { sources, steps, ...(stepSize !== undefined && { stepSize }), momentum, diversity, smallest, restarts, loss };
  });

type Params = z.output<typeof params>;
/** Without another attack. */
type Climbing = Extract<Params, { steps: number }>;

/** The models to make the examples on, as one. */
function sourceOf(names: readonly string[], target: Target, run: AttackRun): Target {
  const sources = names.map((name) => {
    const source = run.sources.get(name);
    if (!source) throw unknownName('transfer source', name, [...run.sources.keys()]);
    if (source.classes !== target.classes || source.inputShape.join() !== target.inputShape.join())
      throw new RampartError(
        `[attack transfer] expected source "${name}" to take [${target.inputShape}] and give ${target.classes} classes, ` +
          `got [${source.inputShape}] and ${source.classes}`,
      );
    return source;
  });
  return sources.length === 1 ? (sources[0] as Target) : meanTarget(sources as [Target, ...Target[]]);
}

export default defineAttack<Params>({
  name: 'transfer',
  title: 'Transfer',
  paper: 'Liu et al. 2017 (arXiv 1611.02770); Dong et al. 2018 (arXiv 1710.06081); Xie et al. 2019 (arXiv 1803.06978)',
  references: [
    {
      key: 'liu2017delving',
      author: 'Liu, Yanpei and Chen, Xinyun and Liu, Chang and Song, Dawn',
      title: 'Delving into Transferable Adversarial Examples and Black-box Attacks',
      venue: 'International Conference on Learning Representations',
      year: 2017,
      arxiv: '1611.02770',
    },
    DONG_2018,
    {
      key: 'xie2019improving',
      author: 'Xie, Cihang and Zhang, Zhishuai and Zhou, Yuyin and Bai, Song and Wang, Jianyu and Ren, Zhou and Yuille, Alan',
      title: 'Improving Transferability of Adversarial Examples with Input Diversity',
      venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
      year: 2019,
      arxiv: '1803.06978',
    },
  ],
  version: 1,
  access: 'transfer',
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  inner: true,
  cost: (p, _classes, _norm, inner = { forward: 0, backward: 0 }) => {
    const models = p.sources.length;
    if ('attack' in p) return { forward: models * inner.forward + 1, backward: models * inner.backward };
    const { steps, restarts } = p;
    return { forward: restarts * (steps * models + 1), backward: restarts * steps * models };
  },
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const source = sourceOf(p.sources, target, run);
      const finds = new Finds(batch);
      const restarts = 'attack' in p ? 1 : p.restarts;
      try {
        let left = Array.from(batch.ids.keys());
        const made = 'attack' in p ? await runInner(innerOf(run), batch, source, threat, run) : undefined;
        try {
          for (let nth = 0; nth < restarts; nth++) {
            const robust: number[] = [];
            for (let at = 0; at < left.length; at += run.batchSize) {
              const attempts = left.slice(at, at + run.batchSize).map((row) => ({ row, nth }));
              const points = 'attack' in p ? pick(made as tf.Tensor4D, attempts) : await craft(p, attempts, source, batch, threat, run);
              robust.push(...(await tryOut(points, attempts)));
            }
            left = robust;
          }
        } finally {
          made?.dispose();
        }
        return finds.finish(run, restarts - 1);
      } finally {
        finds.dispose();
      }

      /** Tries points `[k,h,w,c]` on the target, and disposes them; returns the rows of those that stay right. */
      async function tryOut(adversarial: tf.Tensor4D, attempts: readonly Attempt[]): Promise<number[]> {
        const rows = attempts.map(({ row }) => row);
        const decisions = target.decisions(adversarial, attempts);
        const predicted = await decisions.data();
        const broken = rows.flatMap((row, i) => (predicted[i] === batch.labels[row] ? [] : [i]));
        finds.found(
          adversarial,
          broken,
          broken.map((i) => rows[i] as number),
          broken.map((i) => (attempts[i] as Attempt).nth),
        );
        tf.dispose([adversarial, decisions]);
        return rows.filter((_, i) => !broken.includes(i));
      }
    },
  }),
});

function innerOf({ inner }: AttackRun): readonly InnerAttack[] {
  if (!inner) throw new RampartError('[attack transfer] expected the attack that makes the examples in run.inner, got none');
  return inner;
}

const pick = (points: tf.Tensor4D, attempts: readonly Attempt[]) =>
  rowsOf(
    points,
    attempts.map(({ row }) => row),
  );

/** Adversarial examples on `source`, one per attempt `[k,h,w,c]`, owned by the caller. The last point counts: what breaks the source says little of the target. */
async function craft(
  p: Climbing,
  attempts: readonly Attempt[],
  source: Target,
  batch: Batch,
  threat: Threat,
  run: AttackRun,
): Promise<tf.Tensor4D> {
  const rows = attempts.map(({ row }) => row);
  const origin = rowsOf(batch.x, rows);
  const y = rowsOf(batch.y, rows);
  const rngs = attempts.map(({ row, nth }) => run.rng.fork(batch.ids[row] as number).fork(`diversity ${nth}`));
  try {
    const start = randomStarts(batch, threat, run, true)(origin, attempts);
    return await climb(
      { origin, start, steps: p.steps },
      {
        target: p.diversity > 0 ? diverse(source, rngs, { probability: p.diversity, smallest: p.smallest }) : source,
        loss: p.loss === 'ce' ? crossEntropy(y) : margin(y),
        step: momentum(threat, p.stepSize ?? (2.5 * threat.eps) / p.steps, p.momentum),
        whose: attempts,
      },
      run.signal,
    );
  } finally {
    tf.dispose([origin, y]);
  }
}
