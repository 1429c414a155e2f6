/** APGD over a queue of examples, as the authors run it: Croce and Hein 2020 (arXiv 2003.01690), 2021 (arXiv 2103.01208) for L1. */
import { type NormName, norm } from '../../../tensor/norms/index.ts';
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Loss, Target, Threat } from '../../attack.ts';
import { Attempts, type Pass } from '../search/attempts.ts';
import { rowsOf, turn } from '../search/finds.ts';
import { drawn } from '../start.ts';
import { Gains } from './certain.ts';
import { type ApgdOptions, apgdNorm, evaluations, type Stage } from './norms.ts';
import { type Looks, type Run, Runs } from './runs.ts';

/** Random starts around `x` `[k,h,w,c]` at radius `eps`, in the box, one generator per example; `staged` when larger radii come first. The caller owns the result. */
export function apgdStart(norm: NormName, x: tf.Tensor4D, eps: number, rngs: readonly Rng[], staged = false): tf.Tensor4D {
  const { noise, start } = apgdNorm(norm);
  return tf.tidy(() => start(x, drawn(x, rngs, noise), eps, staged));
}

/** What a run to the end found, one entry per example. */
export interface ApgdResult {
  /** The points of highest loss `[n,h,w,c]`, owned by the caller. */
  readonly best: tf.Tensor4D;
  readonly bestLoss: Float32Array;
  /** False where any point on the way was misclassified. */
  readonly robust: readonly boolean[];
}

/** One run of every example from `start` to the last iteration, whatever the target says on the way; `x` and `start` stay the caller's. */
export async function runToEnd(
  target: Target,
  loss: Loss,
  batch: Pick<Batch, 'x' | 'y'>,
  start: tf.Tensor4D,
  threat: Threat,
  options: ApgdOptions & { signal: AbortSignal; whose?: readonly Attempt[] },
): Promise<ApgdResult> {
  const { x, y } = batch;
  const [n, d] = [x.shape[0], x.size / x.shape[0]];
  const runs = new Runs<number>(threat.norm, options.eotIterations);
  const { iterations, rho, signal, whose } = options;
  try {
    const schedule = () => apgdNorm(threat.norm).schedule({ iterations, rho }, d, true);
    const each = Array.from({ length: n }, (_, i): Run<number> => ({ of: i, schedule: schedule(), eps: threat.eps, looks: 0 }));
    runs.begin(each, x.clone(), start.clone());
    const robust = new Array<boolean>(n).fill(true);
    for (let i = 0; i <= iterations; i++) {
      await turn(signal);
      if (i > 0) runs.step();
      const { right } = await runs.look(target, loss, y, whose);
      right.forEach((r, k) => {
        robust[k] = (robust[k] as boolean) && r;
      });
    }
    return { best: runs.rows.best.clone(), bestLoss: Float32Array.from(each, (r) => r.schedule.best), robust };
  } finally {
    runs.dispose();
  }
}

/** The loss of the attempts in a pass; `y` and `rows` are `[k]` int32: their labels and their rows in the batch. */
export type AttemptLoss = (attempts: readonly Attempt[], y: tf.Tensor1D, rows: tf.Tensor1D) => Loss;

/** An attempt on its way: which of its stages it is in, and at which point of the trace the stage began. */
interface Place {
  readonly attempt: Attempt;
  readonly stage: number;
  readonly gains: Gains;
}

interface ApgdSearch extends ApgdOptions {
  readonly attempts: number;
  readonly loss: AttemptLoss;
  /** The loss is a margin: above zero where the point is an error, and only there. */
  readonly isMargin?: boolean;
  /** Of such a loss: a run that certainly reaches no error ends early. */
  readonly untilCertain?: boolean;
}

/**
 * APGD with `attempts` restarts or targets per example. An example leaves at its first misclassified point, which the authors' code would
 * keep as well, and the next of the queue takes its place in the pass. Returns what `Attack.perturb` must.
 * Passes per attempt that fails: `iterations + 1` of each kind (`+ 3` with larger radii), times `eotIterations`.
 */
export async function apgdSearch(batch: Batch, target: Target, threat: Threat, run: AttackRun, options: ApgdSearch): Promise<tf.Tensor4D> {
  if (batch.ids.length === 0 || threat.eps === 0) return batch.x.clone();
  const stages = apgdNorm(threat.norm).stages(options, threat.eps);
  const attempts = new Attempts(batch, target, run, { attempts: options.attempts, iterations: options.attempts * evaluations(stages) - 1 });
  return attempts.workOff(new ApgdPass(attempts, target, threat.norm, stages, options));
}

class ApgdPass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #norm: NormName;
  readonly #stages: readonly Stage[];
  readonly #options: ApgdSearch;
  readonly #runs: Runs<Place>;

  constructor(attempts: Attempts, target: Target, norm: NormName, stages: readonly Stage[], options: ApgdSearch) {
    this.#attempts = attempts;
    this.#target = target;
    this.#norm = norm;
    this.#stages = stages;
    this.#options = options;
    this.#runs = new Runs(norm, options.eotIterations);
  }

  get running(): number {
    return this.#runs.runs.length;
  }

  #newRun(attempt: Attempt, stage: number): Run<Place> {
    const { eps, iterations } = this.#stages[stage] as Stage;
    const [h, w, c] = this.#target.inputShape;
    const schedule = apgdNorm(this.#norm).schedule({ iterations, rho: this.#options.rho }, h * w * c, this.#stages.length > 1);
    return { of: { attempt, stage, gains: new Gains(iterations) }, schedule, eps, looks: 0 };
  }

  begin(attempts: readonly Attempt[], images: tf.Tensor4D): void {
    const rngs = attempts.map((attempt) => this.#attempts.rngOf(attempt));
    const start = apgdStart(this.#norm, images, (this.#stages[0] as Stage).eps, rngs, this.#stages.length > 1);
    this.#runs.begin(
      attempts.map((attempt) => this.#newRun(attempt, 0)),
      images,
      start,
    );
  }

  async advance(): Promise<void> {
    const runs = [...this.#runs.runs];
    const attempts = runs.map((r) => r.of.attempt);
    const { y, rows } = this.#attempts.given(attempts);
    // a restart replaces points, so that misclassified ones are taken from a copy that shares their memory
    const points = this.#runs.rows.x.clone();
    const looks = await this.#runs.look(this.#target, this.#options.loss(attempts, y, rows), y, attempts);
    this.#collect(points, runs, looks);
    points.dispose();
    this.#sort(runs, looks);
  }

  #counts(run: Run<Place>): boolean {
    return run.of.stage === this.#stages.length - 1;
  }

  #collect(points: tf.Tensor4D, runs: readonly Run<Place>[], { right }: Looks): void {
    const finds = runs.flatMap((run, place) => {
      const { attempt } = run.of;
      return !right[place] && this.#counts(run) && this.#attempts.end(attempt, true)
        ? [{ place, attempt, iteration: this.#iterationOf(run) }]
        : [];
    });
    this.#attempts.keep(points, finds);
  }

  /** Evaluations that this run's attempt and those before it took, less one. */
  #iterationOf({ of: { attempt, stage }, looks }: Run<Place>): number {
    return attempt.nth * evaluations(this.#stages) + evaluations(this.#stages.slice(0, stage)) + looks - 1;
  }

  /** Runs that go on take their step; those that are through go to their next stage or leave. */
  #sort(runs: readonly Run<Place>[], { right }: Looks): void {
    const on: number[] = [];
    const through: number[] = [];
    runs.forEach((run, i) => {
      if (!right[i] && this.#counts(run)) return;
      if (this.#attempts.obsolete(run.of.attempt)) this.#attempts.end(run.of.attempt, false);
      else if (this.#isCertain(run)) this.#giveUp(run);
      else if (run.looks <= (this.#stages[run.of.stage] as Stage).iterations) on.push(i);
      else if (this.#counts(run)) this.#giveUp(run);
      else through.push(i);
    });
    const next = this.#nextStage(runs, through);
    this.#runs.step();
    this.#runs.keep(on);
    if (next) this.#runs.begin(next.runs, next.origin, next.x);
  }

  #giveUp({ of: { attempt }, schedule }: Run<Place>): void {
    if (this.#options.isMargin) this.#attempts.bestLoss(attempt, schedule.best);
    this.#attempts.end(attempt, false);
  }

  #isCertain(run: Run<Place>): boolean {
    return run.of.gains.isCertain(run.looks, run.schedule.best) && this.#counts(run) && this.#options.untilCertain === true;
  }

  /** The next stage of the runs at these places: it starts at their best points, drawn into its smaller ball. */
  #nextStage(
    all: readonly Run<Place>[],
    places: readonly number[],
  ): { runs: Run<Place>[]; origin: tf.Tensor4D; x: tf.Tensor4D } | undefined {
    if (places.length === 0) return undefined;
    const runs = places.map((i) => {
      const { attempt, stage } = (all[i] as Run<Place>).of;
      return this.#newRun(attempt, stage + 1);
    });
    const origin = rowsOf(this.#runs.rows.origin, places);
    const best = rowsOf(this.#runs.rows.best, places);
    const x = tf.tidy(() => norm(this.#norm).project(best, origin, tf.tensor1d(runs.map((r) => r.eps)).reshape([-1, 1, 1, 1])));
    best.dispose();
    return { runs, origin, x };
  }

  dispose(): void {
    this.#runs.dispose();
  }
}
