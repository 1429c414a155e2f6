/** The images of a step as tensors, with the random numbers that are theirs. */
import type { TrainingBatch } from '../../defenses/defense.ts';
import { tf } from '../../tensor/tf.ts';
import { augmented, labelsOf, plainImages } from './augment.ts';
import type { TrainingJob } from './training-job.ts';

/** Images `ids` of the training data, moved and flipped as the recipe says. `x` and `y` are the caller's. */
export async function trainingBatch(
  { dataset, draws, recipe }: Pick<TrainingJob, 'dataset' | 'draws' | 'recipe'>,
  ids: Int32Array,
  epoch: number,
  index: number,
): Promise<TrainingBatch> {
  const { train: split, shape } = dataset;
  const plain = await plainImages(split, ids);
  const pixels = augmented(recipe.augment, plain, shape, ids, draws.order.fork('augment').fork(epoch));
  const labels = labelsOf(split, ids);
  const x = tf.tensor4d(pixels, [ids.length, ...shape]);
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids, rng: draws.noise.fork('batch').fork(epoch).fork(index) };
}

/** Batches in turn, each made while a device works on the one before it. */
export class BatchesAhead {
  readonly #count: number;
  readonly #make: (index: number) => Promise<TrainingBatch>;
  #begun = 0;
  #next: Promise<TrainingBatch> | undefined;
  #taken: TrainingBatch | undefined;

  constructor(count: number, make: (index: number) => Promise<TrainingBatch>) {
    this.#count = count;
    this.#make = make;
  }

  /** Begins the next batch, where there is one and it isn't begun. */
  begin(): void {
    if (this.#next || this.#begun === this.#count) return;
    this.#next = this.#make(this.#begun++);
    // what fails is thrown by who takes it
    this.#next.catch(() => undefined);
  }

  /** The next batch, undefined after the last one; the one before it is let go. */
  async take(): Promise<TrainingBatch | undefined> {
    this.#release();
    this.begin();
    const next = this.#next;
    this.#next = undefined;
    this.#taken = await next;
    return this.#taken;
  }

  async dispose(): Promise<void> {
    this.#release();
    await this.#next?.then(
      ({ x, y }) => tf.dispose([x, y]),
      () => undefined,
    );
  }

  #release(): void {
    if (this.#taken) tf.dispose([this.#taken.x, this.#taken.y]);
    this.#taken = undefined;
  }
}
