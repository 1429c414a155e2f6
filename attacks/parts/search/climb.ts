/** Gradient ascent with restarts over the queue of survivors, and what it starts from. */
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Target, Threat } from '../../attack.ts';
import { crossEntropy, klDivergence, type LossName, margin } from '../losses.ts';
import { randomStart } from '../start.ts';
import type { Step } from '../step.ts';
import type { Decides } from './decides.ts';
import { rowsOf, turn } from './finds.ts';
import { search } from './search.ts';

/** Starting points `[k,h,w,c]` for attempts whose clean images are `x`, in the box and the budget. The caller owns the result. */
export type Starts = (x: tf.Tensor4D, attempts: readonly Attempt[]) => tf.Tensor4D;

export interface Climb {
  readonly steps: number;
  readonly restarts: number;
  /** Whether the first attempt starts at a random point, or at the image itself; later attempts always start at random points. */
  readonly randomStart: boolean;
  readonly loss: LossName;
  readonly step: Step;
  readonly starts?: Starts | undefined;
  readonly decides?: Decides;
  /** `false` leaves random starts where they are, outside of the box too. */
  readonly clampStart?: boolean | undefined;
}

/** Random points of the ball, in the box unless `clamp` is false, by example and attempt; attempt 0 is the image itself unless `firstRandom`. */
export function randomStarts(batch: Batch, threat: Threat, run: AttackRun, firstRandom: boolean, clamp = true): Starts {
  return (x, attempts) => {
    const rngs = attempts.map((j) => run.rng.fork(batch.ids[j.row] as number).fork(j.nth));
    const random = randomStart(x, threat, rngs, clamp);
    if (firstRandom || attempts.every((j) => j.nth > 0)) return random;
    const rows = attempts.map((j, i) => (j.nth === 0 ? i : attempts.length + i));
    const mixed = tf.tidy(() => rowsOf(tf.concat([x, random], 0) as tf.Tensor4D, rows));
    random.dispose();
    return mixed;
  };
}

/** Gradient ascent with restarts; see `search` for what it returns and costs. The KL loss adds one forward pass. */
export async function climbingSearch(batch: Batch, target: Target, threat: Threat, run: AttackRun, climb: Climb): Promise<tf.Tensor4D> {
  const clean = climb.loss === 'kl' ? await cleanLogits(batch, target, run) : undefined;
  try {
    return await search(batch, target, run, {
      attempts: climb.restarts,
      steps: climb.steps,
      step: climb.step,
      decides: climb.decides,
      start: climb.starts ?? randomStarts(batch, threat, run, climb.randomStart, climb.clampStart),
      loss: (_, y, rows) => {
        if (climb.loss === 'margin') return margin(y);
        if (!clean) return crossEntropy(y);
        return (logits) => klDivergence(tf.gather(clean, rows))(logits);
      },
    });
  } finally {
    clean?.dispose();
  }
}

/** Logits of the clean images `[n,classes]`, in full passes. The caller owns them. */
export function cleanLogits(batch: Batch, target: Target, run: AttackRun): Promise<tf.Tensor2D> {
  return inFullPasses(batch, run, (x, whose) => target.logits(x, whose));
}

/** What `pass` makes of the clean images, the first attempt at each: `[n,d]`, owned by the caller. */
export async function inFullPasses(
  batch: Batch,
  run: AttackRun,
  pass: (x: tf.Tensor4D, whose: readonly Attempt[]) => tf.Tensor2D,
): Promise<tf.Tensor2D> {
  const parts: tf.Tensor2D[] = [];
  try {
    for (let at = 0; at < batch.ids.length; at += run.batchSize) {
      await turn(run.signal);
      const n = Math.min(run.batchSize, batch.ids.length - at);
      const x = tf.tidy(() => batch.x.slice([at, 0, 0, 0], [n, -1, -1, -1]));
      parts.push(
        pass(
          x,
          Array.from({ length: n }, (_, i) => ({ row: at + i, nth: 0 })),
        ),
      );
      x.dispose();
    }
    return tf.concat(parts, 0);
  } finally {
    tf.dispose(parts);
  }
}
