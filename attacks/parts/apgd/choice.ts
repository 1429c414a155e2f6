/** Which of several losses takes a model's images nearest to an error in few iterations. */
import { RampartError } from '../../../errors.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Loss, Target, Threat } from '../../attack.ts';
import { dlr } from '../dlr.ts';
import { crossEntropy, margin, probabilityMargin, scaledCrossEntropy } from '../losses.ts';
import { cleanLogits } from '../search/climb.ts';
import { rowsOf } from '../search/finds.ts';
import { apgdStart, runToEnd } from './apgd.ts';
import type { ApgdOptions } from './norms.ts';

/** A loss by what it needs: the labels `[n]` int32. */
export const CANDIDATES = {
  ce: crossEntropy,
  'scaled-ce': scaledCrossEntropy,
  margin,
  'probability-margin': probabilityMargin,
  dlr,
} satisfies Record<string, (y: tf.Tensor1D) => Loss>;
export type Candidate = keyof typeof CANDIDATES;

/** The ratio has the third largest logit below its bar. */
const isDefined = (name: Candidate, classes: number) => name !== 'dlr' || classes > 2;

/** Of losses that come equally near, the first is taken. Throws where the classes define none of `names`. */
export async function chooseLoss(
  names: readonly Candidate[],
  few: Batch,
  target: Target,
  threat: Threat,
  run: AttackRun,
  options: ApgdOptions,
): Promise<Candidate> {
  const candidates = names.filter((name) => isDefined(name, target.classes));
  const [first] = candidates;
  if (first === undefined)
    throw new RampartError(`[attack adaptive-loss] expected a loss that ${target.classes} classes define, got ${names.join(', ')}`);
  if (candidates.length === 1 || few.ids.length === 0 || threat.eps === 0 || target.classes < 2) return first;
  const before = await cleanMargins(few, target, run);
  let best = { name: first, share: Number.NEGATIVE_INFINITY };
  for (const [nth, name] of candidates.entries()) {
    const share = await shareTaken({ name, nth, before }, few, target, threat, run, options);
    if (share > best.share) best = { name, share };
  }
  return best.name;
}

/** How far each image is from an error at first, in logits: the right one less the largest other. */
async function cleanMargins(few: Batch, target: Target, run: AttackRun): Promise<Float32Array> {
  const logits = await cleanLogits(few, target, run);
  const values = tf.tidy(() => margin(few.y)(logits));
  const away = (await values.data()) as Float32Array;
  logits.dispose();
  values.dispose();
  return away.map((m) => -m);
}

interface Trial {
  readonly name: Candidate;
  readonly nth: number;
  readonly before: Float32Array;
}

/** The mean share of the clean margin that a run on this loss takes away; 1 of an image that it breaks. */
async function shareTaken(
  { name, nth, before }: Trial,
  few: Batch,
  target: Target,
  threat: Threat,
  run: AttackRun,
  options: ApgdOptions,
): Promise<number> {
  let sum = 0;
  for (let at = 0; at < few.ids.length; at += run.batchSize) {
    const rows = Array.from({ length: Math.min(run.batchSize, few.ids.length - at) }, (_, i) => at + i);
    const whose = rows.map((row): Attempt => ({ row, nth }));
    const [x, y] = [rowsOf(few.x, rows), rowsOf(few.y, rows)];
    const rngs = rows.map((row) => run.rng.fork(few.ids[row] as number));
    const start = apgdStart(threat.norm, x, threat.eps, rngs);
    const { best, robust } = await runToEnd(target, CANDIDATES[name](y), { x, y }, start, threat, {
      ...options,
      signal: run.signal,
      whose,
    });
    const logits = target.logits(best, whose);
    const values = tf.tidy(() => margin(y)(logits));
    const left = await values.data();
    tf.dispose([x, y, start, best, logits, values]);
    rows.forEach((row, i) => {
      const clean = Math.max(before[row] as number, 1e-12);
      // a margin that is not finite says nothing of how near it came
      const share = 1 + (left[i] as number) / clean;
      sum += robust[i] ? Math.min(1, Number.isFinite(share) ? share : 0) : 1;
    });
  }
  return sum / few.ids.length;
}
