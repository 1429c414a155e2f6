/** Transfer: adversarial examples made on other models of the suite, then tried on this one. Liu et al. 2017 (arXiv 1611.02770), ensemble in logits. */
import { z } from 'zod';
import { RampartError, unknownName } from '../errors.ts';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { type AttackRun, type Attempt, type Batch, defineAttack, type Target, type Threat } from './attack.ts';
import { diverse } from './parts/diversity.ts';
import { crossEntropy, margin } from './parts/losses.ts';
import { DONG_2018 } from './parts/papers.ts';
import { climb } from './parts/search/ascent.ts';
import { randomStarts } from './parts/search/climb.ts';
import { Finds, rowsOf } from './parts/search/finds.ts';
import { momentum } from './parts/step.ts';
import { gradientOf } from './target.ts';

const params = z.strictObject({
  sources: z
    .array(z.string())
    .min(1)
    .describe('names of the models of the suite to make the examples on; the logits of several are averaged'),
  steps: z.number().int().min(1).default(20).describe('gradient steps per restart'),
  stepSize: z.number().positive().optional().describe('in units of the input, such as 2/255; 2.5 eps / steps when absent'),
  momentum: z.number().min(0).default(1).describe('share of the accumulated gradient that is kept at each step; 0 is PGD'),
  diversity: z.number().min(0).max(1).default(0).describe('chance that a step looks through random resizing and padding (DI-FGSM)'),
  smallest: z.number().positive().max(1).default(0.9).describe('smallest side under that resizing, relative to the image'),
  restarts: z.number().int().min(1).default(1).describe('random starts per example; later ones only for examples still right'),
  loss: z.enum(['ce', 'margin']).default('ce').describe('ce: cross-entropy; margin: Carlini and Wagner'),
});

type Params = z.infer<typeof params>;

/** What the examples are made on. */
type Source = Pick<Target, 'gradient'>;

/** The models to make the examples on, as one. */
function sourceOf(names: readonly string[], target: Target, run: AttackRun): Source {
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
  return sources.length === 1 ? (sources[0] as Target) : averaged(sources);
}

/** Several models as one that answers with the mean of their logits. */
function averaged(sources: readonly Target[]): Source {
  return {
    gradient(x, loss, whose) {
      const parts = sources.map((s) => s.linearize(x, whose));
      const logits = tf.tidy(() => tf.addN(parts.map((p) => p.logits)).div(sources.length) as tf.Tensor2D);
      const pullback = (dlogits: tf.Tensor2D) =>
        tf.tidy(() => {
          const share = dlogits.div(sources.length) as tf.Tensor2D;
          return tf.addN(parts.map((p) => p.pullback(share)));
        });
      const dispose = () => {
        logits.dispose();
        for (const p of parts) p.dispose();
      };
      return gradientOf({ logits, pullback, dispose }, loss);
    },
  };
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
  cost: ({ sources, steps, restarts }) => ({
    forward: restarts * (steps * sources.length + 1),
    backward: restarts * steps * sources.length,
  }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const source = sourceOf(p.sources, target, run);
      const finds = new Finds(batch);
      try {
        let left = Array.from(batch.ids.keys());
        for (let attempt = 0; attempt < p.restarts; attempt++) {
          const robust: number[] = [];
          for (let at = 0; at < left.length; at += run.batchSize)
            robust.push(...(await tryOn(left.slice(at, at + run.batchSize), attempt)));
          left = robust;
        }
        return finds.finish(run, p.restarts - 1);
      } finally {
        finds.dispose();
      }

      /** Makes examples of the rows on the source and tries them on the target; returns the rows that stay right. */
      async function tryOn(rows: readonly number[], nth: number): Promise<number[]> {
        const attempts = rows.map((row) => ({ row, nth }));
        const adversarial = await craft(p, attempts, source, batch, threat, run);
        const decisions = target.decisions(adversarial, attempts);
        const predicted = await decisions.data();
        const broken = rows.flatMap((row, i) => (predicted[i] === batch.labels[row] ? [] : [i]));
        finds.found(
          adversarial,
          broken,
          broken.map((i) => rows[i] as number),
          broken.map(() => nth),
        );
        tf.dispose([adversarial, decisions]);
        return rows.filter((_, i) => !broken.includes(i));
      }
    },
  }),
});

/** Adversarial examples on `source`, one per attempt `[k,h,w,c]`, owned by the caller. The last point counts: what breaks the source says little of the target. */
async function craft(
  p: Params,
  attempts: readonly Attempt[],
  source: Source,
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
