/** The loop that every search over a queue of examples runs in: passes kept full from the board, until each example is broken or out of attempts. */
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch } from '../../attack.ts';
import { Board, type Job } from './board.ts';
import { Outcome, rowsOf, turn } from './outcome.ts';

/** What differs between searches: the jobs on their way, and what one evaluation does to them. */
export interface Pass {
  /** Jobs that the next evaluation holds. */
  readonly running: number;
  /** Jobs that wait beside them for a last look. */
  readonly waiting?: number;
  /** Takes jobs in, with their images `[k,h,w,c]` in the same order, which it owns from here. */
  begin(jobs: readonly Job[], images: tf.Tensor4D): void | Promise<void>;
  /** One evaluation of every job in the pass; each that is broken, through or obsolete leaves, and its end is told to `Attempts.end`. */
  advance(): Promise<void>;
  dispose(): void;
}

/** An adversarial example in one of the rows of a pass. */
export interface Find {
  readonly place: number;
  readonly job: Job;
  /** When it was found, counted over all attempts of its example. */
  readonly iteration: number;
}

/** Rows in the batch of jobs, `[k]` int32, owned by the caller. */
export function rowIndices(jobs: readonly Job[]): tf.Tensor1D {
  const rows = Int32Array.from(jobs, (job) => job.row);
  return tf.tensor1d(rows, 'int32');
}

/** The attempts of one batch: which begin next, what their random numbers and labels are, and what they found. */
export class Attempts {
  readonly #batch: Batch;
  readonly #run: AttackRun;
  readonly #iterations: number;
  readonly #board: Board;
  readonly #outcome: Outcome;

  /** `attempts` restarts, targets or draws per example; `iterations` is the last one that `run.trace` hears of. */
  constructor(batch: Batch, run: AttackRun, { attempts, iterations }: { attempts: number; iterations: number }) {
    this.#batch = batch;
    this.#run = run;
    this.#iterations = iterations;
    this.#board = new Board(batch.ids.length, attempts);
    this.#outcome = new Outcome(batch);
  }

  /** Works all attempts off in `pass`, which it disposes, and returns what `Attack.perturb` must. */
  async workOff(pass: Pass): Promise<tf.Tensor4D> {
    try {
      for (;;) {
        await turn(this.#run.signal);
        await this.#refill(pass);
        if (pass.running + (pass.waiting ?? 0) === 0) return this.#outcome.finish(this.#run, this.#iterations);
        await pass.advance();
      }
    } finally {
      pass.dispose();
      this.#outcome.dispose();
    }
  }

  /** Begins jobs until the pass is full. */
  async #refill(pass: Pass): Promise<void> {
    const { running, waiting = 0 } = pass;
    const jobs = this.#board.take(this.#run.batchSize - running, running + waiting);
    if (jobs.length > 0) await pass.begin(jobs, this.imagesOf(jobs));
  }

  /** The clean images of jobs `[k,h,w,c]`, owned by the caller. */
  imagesOf(jobs: readonly Job[]): tf.Tensor4D {
    return rowsOf(
      this.#batch.x,
      jobs.map((j) => j.row),
    );
  }

  /** The generator of a job: by its example and attempt, whatever runs beside it. */
  rngOf({ row, attempt }: Job): Rng {
    return this.#run.rng.fork(this.#batch.ids[row] as number).fork(attempt);
  }

  labelOf({ row }: Job): number {
    return this.#batch.labels[row] as number;
  }

  /** Labels of jobs, `[k]` int32, owned by the caller. */
  labelsOf(jobs: readonly Job[]): tf.Tensor1D {
    const labels = Int32Array.from(jobs, (job) => this.labelOf(job));
    return tf.tensor1d(labels, 'int32');
  }

  /** Ends a job. True when it broke its example earlier than any other attempt did: what it found is then to be kept. */
  end(job: Job, broke: boolean): boolean {
    return this.#board.finish(job, broke);
  }

  /** Whether an earlier attempt has broken the example already, so that this job is of no use. */
  obsolete(job: Job): boolean {
    return this.#board.obsolete(job);
  }

  /** Keeps finds out of the points `x` `[n,h,w,c]` of a pass, which stay the caller's. */
  keep(x: tf.Tensor4D, finds: readonly Find[]): void {
    this.#outcome.found(
      x,
      finds.map((f) => f.place),
      finds.map((f) => f.job.row),
      finds.map((f) => f.iteration),
    );
  }
}
