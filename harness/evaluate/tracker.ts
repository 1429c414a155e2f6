/**
 * What the harness sees of a search by itself, at the target: the nearest error that was asked about, whatever the radius, and what each example
 * has used. An attack with a budget of passes counts by this and not by what it returns (after AttackBench, Cinà et al. 2025, arXiv 2404.19460).
 */
import type { Attempt, Batch, Passes, Target, Threat } from '../../attacks/attack.ts';
import { answering } from '../../attacks/target.ts';
import type { Linearized } from '../../models/classifier.ts';
import { norm } from '../../tensor/norms/index.ts';
import { tf } from '../../tensor/tf.ts';
import { budgetTolerance, ULP } from './checks.ts';
import type { NearestErrors } from './evaluation.ts';
import type { EvaluationState } from './state.ts';

export interface Tracking {
  /** Forward and backward passes per example together; no limit when absent. */
  readonly budget?: number | undefined;
  /** What each example of the batch has used of it before. */
  readonly spent?: readonly number[] | undefined;
  /** Of a model that rounds images to 1/levels: what is asked about is the rounded image. */
  readonly levels?: number | undefined;
}

/** Of one batch. Passes beyond the budget are still done, for a search that goes on, but nothing that they show counts. */
export class Tracker {
  /** The distance `[n]` of the nearest error of each example, infinite where there was none. */
  readonly nearest: Float64Array;
  /** What each example has used, with what it had used before; beyond the budget it counts on. */
  readonly used: number[];
  /** Within the budget, of all examples together. */
  readonly passes: Passes = { forward: 0, backward: 0 };
  readonly #batch: Batch;
  readonly #threat: Threat;
  readonly #limit: number;
  readonly #budget: number | undefined;
  readonly #levels: number | undefined;
  readonly #spentAll: AbortController = new AbortController();
  #best: tf.Tensor4D | undefined;

  constructor(batch: Batch, threat: Threat, { budget, spent, levels }: Tracking) {
    const n = batch.ids.length;
    this.#batch = batch;
    this.#threat = threat;
    this.#limit = threat.eps + budgetTolerance(threat, batch.x.size / n);
    this.#budget = budget;
    this.#levels = levels;
    this.nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    this.used = Array.from({ length: n }, (_, i) => spent?.[i] ?? 0);
  }

  /** Aborted once no example has anything left. */
  get signal(): AbortSignal {
    return this.#spentAll.signal;
  }

  /** `target`, watched: of the attacked model every answer, of another (`source`) only what it costs. */
  watch(target: Target, of: 'attacked' | 'source'): Target {
    const rowsOf = (n: number, whose?: readonly Attempt[]) => whose?.map(({ row }) => row) ?? Array.from({ length: n }, (_, i) => i);
    const forward = (rows: readonly number[]) => rows.map((row) => this.#count(row, 'forward'));
    const see = (x: tf.Tensor4D, decisions: tf.Tensor1D, rows: readonly number[], within: readonly boolean[]) => {
      if (of === 'attacked') this.#see(x, decisions, rows, within);
    };
    const seeLogits = (x: tf.Tensor4D, logits: tf.Tensor2D, rows: readonly number[], within: readonly boolean[]) => {
      const decisions = tf.argMax(logits, 1) as tf.Tensor1D;
      see(x, decisions, rows, within);
      decisions.dispose();
    };
    const { features } = target;
    return answering(target, {
      logits: (x, whose) => {
        const logits = target.logits(x, whose);
        const rows = rowsOf(x.shape[0], whose);
        seeLogits(x, logits, rows, forward(rows));
        return logits;
      },
      decisions: (x, whose) => {
        const decisions = target.decisions(x, whose);
        const rows = rowsOf(x.shape[0], whose);
        see(x, decisions, rows, forward(rows));
        return decisions;
      },
      gradient: (x, loss, whose) => {
        const found = target.gradient(x, loss, whose);
        const rows = rowsOf(x.shape[0], whose);
        seeLogits(x, found.logits, rows, forward(rows));
        for (const row of rows) this.#count(row, 'backward');
        return found;
      },
      linearize: (x, whose) => {
        const lin = target.linearize(x, whose);
        const rows = rowsOf(x.shape[0], whose);
        seeLogits(x, lin.logits, rows, forward(rows));
        return this.#counted(lin, rows);
      },
      features: features && {
        ...features,
        linearize: (x, whose) => {
          const lin = features.linearize(x, whose);
          const rows = rowsOf(x.shape[0], whose);
          const logits = features.logits(lin.logits);
          seeLogits(x, logits, rows, forward(rows));
          logits.dispose();
          return this.#counted(lin, rows);
        },
      },
    });
  }

  /** `lin`, whose pullbacks count for these rows. */
  #counted(lin: Linearized, rows: readonly number[]): Linearized {
    return {
      ...lin,
      pullback: (dlogits, last) => {
        for (const row of rows) this.#count(row, 'backward');
        return lin.pullback(dlogits, last);
      },
    };
  }

  /** What `targets` were asked within the budget, and beyond it. */
  withinBudget(targets: readonly Pick<Target, 'passes' | 'overhead'>[]): Pick<Target, 'passes' | 'overhead'> {
    const beyond = (kind: keyof Passes) =>
      targets.reduce((sum, { passes, overhead }) => sum + passes[kind] + overhead[kind], 0) - this.passes[kind];
    return { passes: { ...this.passes }, overhead: { forward: beyond('forward'), backward: beyond('backward') } };
  }

  /** Counts one pass of an example; whether it lies within the budget. */
  #count(row: number, kind: keyof Passes): boolean {
    const used = (this.used[row] as number) + 1;
    this.used[row] = used;
    const within = this.#budget === undefined || used <= this.#budget;
    if (within) this.passes[kind]++;
    else if (this.used.every((u) => this.#isSpent(u))) this.#spentAll.abort(new Error('every example has used its budget of passes'));
    return within;
  }

  #isSpent(used: number): boolean {
    return this.#budget !== undefined && used >= this.#budget;
  }

  /** Notes the errors in the box among the points `x`; with a budget it keeps, of those in the ball, the nearest. */
  #see(x: tf.Tensor4D, decisions: tf.Tensor1D, rows: readonly number[], within: readonly boolean[]): void {
    const distances = this.#errorsAt(x, decisions, rows);
    const nearer = new Map<number, number>();
    distances.forEach((distance, place) => {
      const row = rows[place] as number;
      if (!within[place] || !(distance < (this.nearest[row] as number))) return;
      this.nearest[row] = distance;
      if (distance <= this.#limit) nearer.set(row, place);
    });
    if (this.#budget !== undefined && nearer.size > 0) this.#keep(x, nearer);
  }

  /** How far each of the points lies from its image, infinite where it is no error or outside of the box. */
  #errorsAt(x: tf.Tensor4D, decisions: tf.Tensor1D, rows: readonly number[]): Float32Array {
    const distances = new Float32Array(rows.length).fill(Number.POSITIVE_INFINITY);
    const decided = decisions.dataSync();
    const wrong = rows.flatMap((row, place) => (decided[place] === this.#batch.labels[row] ? [] : [place]));
    if (wrong.length === 0) return distances;
    const ofWrong = tf.tidy(() => {
      const rowsOf = (t: tf.Tensor4D, at: readonly number[]) =>
        at.length === t.shape[0] && at.every((row, i) => row === i) ? t : tf.gather(t, tf.tensor1d(Int32Array.from(at), 'int32'));
      const points = rowsOf(x, wrong);
      const images = rowsOf(
        this.#batch.x,
        wrong.map((place) => rows[place] as number),
      );
      const asked = this.#levels === undefined ? points : (points.mul(this.#levels).round().div(this.#levels) as tf.Tensor4D);
      const flat = asked.reshape([wrong.length, -1]);
      const inBox = tf.logicalAnd(flat.min(1).greaterEqual(-ULP), flat.max(1).lessEqual(1 + ULP));
      const distance = norm(this.#threat.norm).size(tf.sub(asked, images));
      return tf.where(inBox, distance, tf.fill([wrong.length], Number.POSITIVE_INFINITY)).dataSync() as Float32Array;
    });
    wrong.forEach((place, i) => {
      distances[place] = ofWrong[i] as number;
    });
    return distances;
  }

  /** Takes the points at these places of `x` for those of their rows. */
  #keep(x: tf.Tensor4D, places: ReadonlyMap<number, number>): void {
    const before = this.#best ?? this.#batch.x.clone();
    const n = this.nearest.length;
    this.#best = tf.tidy(() => {
      const rows = Int32Array.from({ length: n }, (_, row) => (places.has(row) ? n + (places.get(row) as number) : row));
      return tf.gather(tf.concat([before, x], 0), tf.tensor1d(rows, 'int32')) as tf.Tensor4D;
    });
    before.dispose();
  }

  /**
   * Lets `perturb` search, which it stops once no example has anything left, and returns what counts. Without a budget that is what `perturb`
   * returned. The caller owns the result; nothing else is left allocated.
   */
  async searched(perturb: () => Promise<tf.Tensor4D>): Promise<tf.Tensor4D> {
    let found: tf.Tensor4D | undefined;
    try {
      found = await perturb();
      return this.#budget === undefined ? found : this.#settle(found);
    } catch (error) {
      if (!this.signal.aborted || error !== this.signal.reason) throw error;
      return this.#settle(undefined);
    } finally {
      this.#best?.dispose();
      this.#best = undefined;
    }
  }

  /**
   * What counts with a budget: the nearest error in the ball that was asked about; where there is none, what the attack returned, `found`
   * (undefined where it was stopped), if it had no more than its budget, else the image. Takes over `found`; the caller owns the result.
   */
  #settle(found: tf.Tensor4D | undefined): tf.Tensor4D {
    const n = this.nearest.length;
    const { x } = this.#batch;
    const result = tf.tidy(() => {
      const rows = Int32Array.from({ length: n }, (_, row) => {
        if ((this.nearest[row] as number) <= this.#limit) return n + row;
        return found && !((this.used[row] as number) > (this.#budget ?? Number.POSITIVE_INFINITY)) ? 2 * n + row : row;
      });
      return tf.gather(tf.concat([x, this.#best ?? x, found ?? x], 0), tf.tensor1d(rows, 'int32')) as tf.Tensor4D;
    });
    found?.dispose();
    return result;
  }
}

/** Takes `distance` for the nearest error of an example, if it is nearer than what was known; a state whose search is not watched stays as it is. */
export function noteNearest({ nearest }: Pick<EvaluationState, 'nearest'>, id: number, distance: number): void {
  if (!nearest || !Number.isFinite(distance)) return;
  nearest[id] = Math.min(nearest[id] ?? Number.POSITIVE_INFINITY, Number(distance.toFixed(6)));
}

/** As a record has them. */
export function nearestErrors(nearest: readonly (number | null)[]): NearestErrors {
  return { found: nearest.map((d) => (d === null ? '0' : '1')).join(''), distances: nearest.map((d) => d ?? 0) };
}
