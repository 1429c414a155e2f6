/** What a search found: the adversarial examples, and when each example broke. */
import { setImmediate } from 'node:timers/promises';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch } from '../../attack.ts';

/** The predicted class of every example, from `logits` `[n,classes]`; the first of equals. */
export async function predictedClasses(logits: tf.Tensor2D): Promise<Int32Array> {
  const best = tf.argMax(logits, 1);
  try {
    return (await best.data()) as Int32Array;
  } finally {
    best.dispose();
  }
}

/** Lets timers and messages through between iterations, and throws the signal's reason when it is aborted. */
export async function turn(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

/** Rows of `t` on the first axis. The caller owns the result. */
export function rowsOf<T extends tf.Tensor>(t: T, rows: ArrayLike<number>): T {
  return tf.tidy(() => tf.gather(t, tf.tensor1d(Int32Array.from(rows), 'int32')));
}

const NEVER = 0x7fffffff;

/** Collects adversarial examples as they are found, in any order, without a copy to the host. */
export class Finds {
  readonly #batch: Batch;
  readonly #chunks: tf.Tensor4D[] = [];
  /** Row of each example's result in the batch followed by the chunks. */
  readonly #at: Int32Array;
  readonly #brokenAt: Int32Array;
  #size: number;

  constructor(batch: Batch) {
    this.#batch = batch;
    this.#size = batch.ids.length;
    this.#at = Int32Array.from({ length: this.#size }, (_, i) => i);
    this.#brokenAt = new Int32Array(this.#size).fill(NEVER);
  }

  /** Rows `from` of `x` are adversarial examples for the batch's rows `rows`, found at these iterations. Later calls replace earlier ones. */
  found(x: tf.Tensor4D, from: readonly number[], rows: readonly number[], iterations: readonly number[]): void {
    if (rows.length === 0) return;
    this.#chunks.push(rowsOf(x, from));
    rows.forEach((row, i) => {
      this.#at[row] = this.#size + i;
      this.#brokenAt[row] = iterations[i] as number;
    });
    this.#size += rows.length;
  }

  /** Rows `from` of `x` are what the batch's rows `rows` come back as where nothing is found. */
  unbroken(x: tf.Tensor4D, from: readonly number[], rows: readonly number[]): void {
    const places = rows.flatMap((row, i) => (this.#brokenAt[row] === NEVER ? [i] : []));
    this.found(
      x,
      places.map((i) => from[i] as number),
      places.map((i) => rows[i] as number),
      places.map(() => NEVER),
    );
  }

  /** What the whole batch would come back as now `[n,h,w,c]`, owned by the caller. */
  points(): tf.Tensor4D {
    return tf.tidy(() => rowsOf(tf.concat([this.#batch.x, ...this.#chunks], 0) as tf.Tensor4D, this.#at));
  }

  /** The result of the whole batch, owned by the caller; tells `run.trace` how many were left after each of `iterations`. */
  finish(run: AttackRun, iterations: number): tf.Tensor4D {
    if (run.trace) {
      const broken = new Int32Array(iterations + 1);
      for (const at of this.#brokenAt) if (at <= iterations) broken[at] = (broken[at] as number) + 1;
      let left = this.#batch.ids.length;
      for (let i = 0; i <= iterations; i++) {
        left -= broken[i] as number;
        run.trace(i, left);
      }
    }
    const result = this.points();
    this.dispose();
    return result;
  }

  dispose(): void {
    tf.dispose(this.#chunks);
    this.#chunks.length = 0;
  }
}
