/** Iterative gradient attacks over a queue of examples: whoever is broken or through leaves the pass, and the next takes the place. */
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Loss, Target } from '../../attack.ts';
import type { Step } from '../step.ts';
import { climbOnce } from './ascent.ts';
import { Attempts, type Pass } from './attempts.ts';
import type { Decides } from './decides.ts';
import { predictedClasses, rowsOf } from './finds.ts';

export interface Search {
  /** Restarts, targets or draws per example. */
  readonly attempts: number;
  /** Gradient steps per attempt; 0 only looks at the starts. */
  readonly steps: number;
  readonly step: Step;
  /** Starting points of the attempts, whose clean images are `x` `[k,h,w,c]`, in the same order. The search owns the result. */
  start(x: tf.Tensor4D, attempts: readonly Attempt[]): tf.Tensor4D;
  /** `last`: the point after all steps decides, and is what an example that stays right comes back as; else any on the way. */
  readonly decides?: Decides;
  /** The loss of the attempts; `y` and `rows` are `[k]` int32: their labels and their rows in the batch. */
  loss(attempts: readonly Attempt[], y: tf.Tensor1D, rows: tf.Tensor1D): Loss;
}

/** Attempts in a pass, each a row of the tensors. */
interface Lanes {
  readonly attempts: readonly Attempt[];
  /** Steps taken by each attempt. */
  readonly taken: readonly number[];
  readonly x: tf.Tensor4D;
  readonly memory: tf.Tensor4D | undefined;
}

function gather(lanes: Lanes, keep: readonly number[]): Lanes | undefined {
  if (keep.length === 0) return undefined;
  return {
    attempts: keep.map((i) => lanes.attempts[i] as Attempt),
    taken: keep.map((i) => lanes.taken[i] as number),
    x: rowsOf(lanes.x, keep),
    memory: lanes.memory && rowsOf(lanes.memory, keep),
  };
}

function join(a: Lanes | undefined, b: Lanes | undefined): Lanes | undefined {
  if (!a || !b) return a ?? b;
  const both = {
    attempts: [...a.attempts, ...b.attempts],
    taken: [...a.taken, ...b.taken],
    x: tf.concat([a.x, b.x], 0) as tf.Tensor4D,
    // an attempt that has just begun has no memory yet: zero
    memory: tf.tidy(() => {
      if (!a.memory && !b.memory) return undefined;
      return tf.concat([a.memory ?? tf.zerosLike(a.x), b.memory ?? tf.zerosLike(b.x)], 0) as tf.Tensor4D;
    }) as tf.Tensor4D | undefined,
  };
  release(a);
  release(b);
  return both;
}

function release(lanes: Lanes | undefined): void {
  if (!lanes) return;
  lanes.x.dispose();
  lanes.memory?.dispose();
}

/**
 * Climbs from the start of every attempt and looks at every point on the way; an example leaves at its first misclassified point, or at the
 * last one of an attempt where that decides.
 * Returns what `Attack.perturb` must. Passes per attempt that fails: `steps + 1` forward, `steps` backward.
 */
export async function search(batch: Batch, target: Target, run: AttackRun, options: Search): Promise<tf.Tensor4D> {
  if (target.classes < 2) return batch.x.clone(); // there is no wrong class
  const attempts = new Attempts(batch, target, run, { attempts: options.attempts, iterations: options.attempts * (options.steps + 1) - 1 });
  return attempts.workOff(new ClimbingPass(attempts, target, run.batchSize, options));
}

class ClimbingPass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #batchSize: number;
  readonly #options: Search;
  #lanes: Lanes | undefined;
  /** Attempts that have taken all their steps; their last point has yet to be looked at. */
  #ended: Lanes | undefined;

  constructor(attempts: Attempts, target: Target, batchSize: number, options: Search) {
    this.#attempts = attempts;
    this.#target = target;
    this.#batchSize = batchSize;
    this.#options = options;
  }

  get running(): number {
    return this.#lanes?.attempts.length ?? 0;
  }
  get waiting(): number {
    return this.#ended?.attempts.length ?? 0;
  }

  begin(attempts: readonly Attempt[], images: tf.Tensor4D): void {
    const x = this.#options.start(images, attempts);
    images.dispose();
    const begun = { attempts, taken: attempts.map(() => 0), x, memory: undefined };
    if (this.#options.steps === 0) this.#ended = join(this.#ended, begun);
    else this.#lanes = join(this.#lanes, begun);
  }

  async advance(): Promise<void> {
    if (this.running > 0) await this.#climb();
    else await this.#look();
    if (this.waiting >= this.#batchSize) await this.#look();
  }

  /** One step of every attempt in the pass. */
  async #climb(): Promise<void> {
    const lanes = this.#lanes as Lanes;
    const { attempts } = lanes;
    const { y, rows } = this.#attempts.given(attempts);
    const origin = this.#attempts.givenImages(attempts);
    const slope = { target: this.#target, loss: this.#options.loss(attempts, y, rows), step: this.#options.step, whose: attempts };
    const { logits, ...next } = climbOnce({ x: lanes.x, origin, memory: lanes.memory }, slope);
    const predicted = await predictedClasses(logits);
    logits.dispose();
    const broken = this.#options.decides === 'last' ? attempts.map(() => false) : this.#settle(lanes, predicted);
    release(lanes);
    this.#sort({ attempts, taken: lanes.taken.map((t) => t + 1), x: next.x, memory: next.memory }, broken);
  }

  /** Attempts that go on stay in the pass, those that are through wait for the last look, the others leave. */
  #sort(lanes: Lanes, broken: readonly boolean[]): void {
    const on: number[] = [];
    const through: number[] = [];
    lanes.attempts.forEach((attempt, i) => {
      if (broken[i]) return;
      if (this.#attempts.obsolete(attempt)) this.#attempts.end(attempt, false);
      else (lanes.taken[i] === this.#options.steps ? through : on).push(i);
    });
    if (on.length === lanes.attempts.length) {
      this.#lanes = lanes;
      return;
    }
    this.#lanes = gather(lanes, on);
    const ended = gather(lanes, through);
    if (ended) this.#ended = join(this.#ended, ended);
    release(lanes);
  }

  /** The last look at the points of attempts that are through. */
  async #look(): Promise<void> {
    const lanes = this.#ended as Lanes;
    const decisions = this.#target.decisions(lanes.x, lanes.attempts);
    const predicted = (await decisions.data()) as Int32Array;
    decisions.dispose();
    const broken = this.#settle(lanes, predicted);
    if (this.#options.decides === 'last') this.#attempts.keepUnbroken(lanes.x, lanes.attempts);
    lanes.attempts.forEach((attempt, i) => {
      if (!broken[i]) this.#attempts.end(attempt, false);
    });
    release(lanes);
    this.#ended = undefined;
  }

  /** Keeps the points that are misclassified, and says which attempts they end. */
  #settle(lanes: Lanes, predicted: Int32Array): boolean[] {
    const broken = lanes.attempts.map((attempt, i) => predicted[i] !== this.#attempts.labelOf(attempt));
    const finds = lanes.attempts.flatMap((attempt, place) => {
      if (!broken[place] || !this.#attempts.end(attempt, true)) return [];
      return [{ place, attempt, iteration: attempt.nth * (this.#options.steps + 1) + (lanes.taken[place] as number) }];
    });
    this.#attempts.keep(lanes.x, finds);
    return broken;
  }

  dispose(): void {
    release(this.#lanes);
    release(this.#ended);
  }
}
