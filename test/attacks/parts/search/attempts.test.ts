import { beforeAll, expect, test } from 'vitest';
import type { AttackRun, Attempt, Batch } from '../../../../attacks/attack.ts';
import { Attempts, type Pass } from '../../../../attacks/parts/search/attempts.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { tf } from '../../../../tensor/tf.ts';
import { constantClassifier } from '../../../contract/linear.ts';
import { startEngine } from '../../engine.ts';

beforeAll(startEngine);

/** Example `row` falls to attempt `row` at its second look; the point that breaks it is the image plus one. */
class Toy implements Pass {
  readonly #attempts: Attempts;
  #lanes: { attempt: Attempt; looks: number; image: number }[] = [];
  readonly sizes: number[] = [];
  disposed = 0;

  constructor(attempts: Attempts) {
    this.#attempts = attempts;
  }

  get running(): number {
    return this.#lanes.length;
  }

  begin(attempts: readonly Attempt[], images: tf.Tensor4D): void {
    const values = images.dataSync();
    images.dispose();
    this.#lanes.push(...attempts.map((attempt, i) => ({ attempt, looks: 0, image: values[i] as number })));
  }

  async advance(): Promise<void> {
    this.sizes.push(this.running);
    const x = tf.tensor4d(
      this.#lanes.map((lane) => lane.image + 1),
      [this.running, 1, 1, 1],
    );
    const finds = this.#lanes.flatMap(({ attempt, looks }, place) =>
      looks === 1 && attempt.nth === attempt.row && this.#attempts.end(attempt, true)
        ? [{ place, attempt, iteration: 2 * attempt.nth + looks }]
        : [],
    );
    this.#attempts.keep(x, finds);
    x.dispose();
    const on = this.#lanes.filter(({ looks }) => looks === 0);
    for (const { attempt } of this.#lanes)
      if (!on.some((lane) => lane.attempt === attempt) && attempt.nth !== attempt.row) this.#attempts.end(attempt, false);
    for (const lane of on) lane.looks++;
    this.#lanes = on;
  }

  dispose(): void {
    this.disposed++;
  }
}

const target = () => createTarget(constantClassifier([1, 1, 1], 2, 0), 'toy');

const images = [0.5, 0.25, 0.125, 0];

function made(signal: AbortSignal, trace: number[]): { batch: Batch; run: AttackRun } {
  const n = images.length;
  const ids = Int32Array.from({ length: n }, (_, i) => i);
  const batch = { x: tf.tensor4d(images, [n, 1, 1, 1]), y: tf.zeros<tf.Rank.R1>([n], 'int32'), labels: new Int32Array(n), ids };
  const run = { rng: new Rng('cell'), signal, batchSize: 3, sources: new Map(), trace: (_: number, left: number) => trace.push(left) };
  return { batch, run };
}

test('each example is tried until it is broken, and the trace tells when', async () => {
  const trace: number[] = [];
  const { batch, run } = made(new AbortController().signal, trace);
  const attempts = new Attempts(batch, target(), run, { attempts: 3, iterations: 5 });
  const toy = new Toy(attempts);
  const result = await attempts.workOff(toy);
  // the fourth example would fall to an attempt that it does not get
  expect(Array.from(result.dataSync())).toEqual([1.5, 1.25, 1.125, 0]);
  expect(trace).toEqual([4, 3, 3, 2, 2, 1]);
  expect(Math.max(...toy.sizes)).toBe(3);
  expect(toy.disposed).toBe(1);
});

test('an aborted search ends with the reason of its signal, and its pass is disposed', async () => {
  const stop = new AbortController();
  const { batch, run } = made(stop.signal, []);
  const attempts = new Attempts(batch, target(), run, { attempts: 3, iterations: 5 });
  const toy = new Toy(attempts);
  const advance = toy.advance.bind(toy);
  toy.advance = async () => {
    await advance();
    if (toy.sizes.length === 2) stop.abort(new Error('enough'));
  };
  await expect(attempts.workOff(toy)).rejects.toThrow('enough');
  expect(toy.sizes.length).toBe(2);
  expect(toy.disposed).toBe(1);
});
