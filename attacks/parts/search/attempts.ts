/** The loop that every search over a queue of examples runs in: passes kept full from the board, until each example is broken or out of attempts. */
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Target } from '../../attack.ts';
import { Board } from './board.ts';
import { Finds, rowsOf, turn } from './finds.ts';

/** What differs between searches: the attempts on their way, and what one evaluation does to them. */
export interface Pass {
  /** Attempts that the next evaluation holds. */
  readonly running: number;
  /** Attempts that wait beside them for a last look. */
  readonly waiting?: number;
  /** Takes attempts in, with their images `[k,h,w,c]` in the same order, which it owns from here. */
  begin(attempts: readonly Attempt[], images: tf.Tensor4D): void | Promise<void>;
  /** One evaluation of every attempt in the pass; each that is broken, through or obsolete leaves, and its end is told to `Attempts.end`. */
  advance(): Promise<void>;
  dispose(): void;
}

/** An adversarial example in one of the rows of a pass. */
export interface Find {
  readonly place: number;
  readonly attempt: Attempt;
  /** When it was found, counted over all attempts of its example. */
  readonly iteration: number;
}

/** Rows in the batch of attempts, `[k]` int32, owned by the caller. */
export function rowIndices(attempts: readonly Attempt[]): tf.Tensor1D {
  const rows = Int32Array.from(attempts, (attempt) => attempt.row);
  return tf.tensor1d(rows, 'int32');
}

/** What the batch has for the attempts of a pass: labels and rows `[k]` int32, and the clean images `[k,h,w,c]` where they were asked for. */
interface Given {
  readonly attempts: readonly Attempt[];
  readonly y: tf.Tensor1D;
  readonly rows: tf.Tensor1D;
  images?: tf.Tensor4D;
}

/** The attempts of one batch: which begin next, what their random numbers and labels are, and what they found. */
export class Attempts {
  readonly #batch: Batch;
  readonly #target: Target;
  readonly #run: AttackRun;
  readonly #iterations: number;
  readonly #board: Board;
  readonly #finds: Finds;
  #given: Given | undefined;

  /** `attempts` restarts, targets or draws per example; `iterations` is the last one that `run.trace` hears of. */
  constructor(batch: Batch, target: Target, run: AttackRun, { attempts, iterations }: { attempts: number; iterations: number }) {
    this.#batch = batch;
    this.#target = target;
    this.#run = run;
    this.#iterations = iterations;
    this.#board = new Board(batch.ids.length, attempts, { inOrder: run.inOrder ?? false });
    this.#finds = new Finds(batch);
  }

  /** Works all attempts off in `pass`, which it disposes, and returns what `Attack.perturb` must. Attempts after the one that counts are overhead. */
  async workOff(pass: Pass): Promise<tf.Tensor4D> {
    try {
      for (;;) {
        await turn(this.#run.signal);
        await this.#refill(pass);
        if (pass.running + (pass.waiting ?? 0) === 0) break;
        await pass.advance();
      }
      // what an example is charged is what its own search used, however full the passes were
      this.#target.discard(this.#board.thrownAway());
      return this.#finds.finish(this.#run, this.#iterations);
    } finally {
      pass.dispose();
      this.#forget();
      this.#finds.dispose();
    }
  }

  /** Begins attempts until the pass is full. */
  async #refill(pass: Pass): Promise<void> {
    const { running, waiting = 0 } = pass;
    const attempts = this.#board.take(this.#run.batchSize - running, running + waiting);
    if (attempts.length > 0) await pass.begin(attempts, this.imagesOf(attempts));
  }

  /** The clean images of attempts `[k,h,w,c]`, owned by the caller. */
  imagesOf(attempts: readonly Attempt[]): tf.Tensor4D {
    return rowsOf(
      this.#batch.x,
      attempts.map((j) => j.row),
    );
  }

  /** Their labels and rows, `[k]` int32. Everything given stays this object's, the same from step to step, until other attempts ask. */
  given(attempts: readonly Attempt[]): Given {
    const before = this.#given;
    if (before?.attempts.length === attempts.length && attempts.every((attempt, i) => attempt === before.attempts[i])) return before;
    this.#forget();
    this.#given = { attempts, y: this.labelsOf(attempts), rows: rowIndices(attempts) };
    return this.#given;
  }

  /** Their clean images, as they are given. */
  givenImages(attempts: readonly Attempt[]): tf.Tensor4D {
    const given = this.given(attempts);
    given.images ??= this.imagesOf(attempts);
    return given.images;
  }

  #forget(): void {
    if (this.#given) tf.dispose([this.#given.y, this.#given.rows, this.#given.images ?? []]);
    this.#given = undefined;
  }

  /** The generator of an attempt: by its example and attempt, whatever runs beside it. */
  rngOf({ row, nth }: Attempt): Rng {
    return this.#run.rng.fork(this.#batch.ids[row] as number).fork(nth);
  }

  labelOf({ row }: Attempt): number {
    return this.#batch.labels[row] as number;
  }

  /** Labels of attempts, `[k]` int32, owned by the caller. */
  labelsOf(attempts: readonly Attempt[]): tf.Tensor1D {
    const labels = Int32Array.from(attempts, (attempt) => this.labelOf(attempt));
    return tf.tensor1d(labels, 'int32');
  }

  /** Ends an attempt. True when it broke its example earlier than any other attempt did: what it found is then to be kept. */
  end(attempt: Attempt, broke: boolean): boolean {
    return this.#board.finish(attempt, broke);
  }

  /** Tells the highest loss of an attempt that broke nothing, a loss above zero at errors alone. */
  bestLoss({ row }: Attempt, loss: number): void {
    this.#run.bestLoss?.(row, loss);
  }

  /** Whether an earlier attempt has broken the example already, so that this attempt is of no use. */
  obsolete(attempt: Attempt): boolean {
    return this.#board.obsolete(attempt);
  }

  /** Keeps the points `x` `[n,h,w,c]` of first attempts as what their examples come back as where none breaks them; they stay the caller's. */
  keepUnbroken(x: tf.Tensor4D, attempts: readonly Attempt[]): void {
    const places = attempts.flatMap(({ nth }, place) => (nth === 0 ? [place] : []));
    this.#finds.unbroken(
      x,
      places,
      places.map((place) => (attempts[place] as Attempt).row),
    );
  }

  /** Keeps finds out of the points `x` `[n,h,w,c]` of a pass, which stay the caller's. */
  keep(x: tf.Tensor4D, finds: readonly Find[]): void {
    this.#finds.found(
      x,
      finds.map((f) => f.place),
      finds.map((f) => f.attempt.row),
      finds.map((f) => f.iteration),
    );
  }
}
