import { beforeAll, expect, test } from 'vitest';
import type { Batch } from '../../../../attacks/attack.ts';
import { ask, type Questions } from '../../../../attacks/parts/decision/inquiry.ts';
import { decisionSearch } from '../../../../attacks/parts/decision/pass.ts';
import { wrongStart } from '../../../../attacks/parts/decision/start.ts';
import { createTarget } from '../../../../attacks/target.ts';
import type { Classifier } from '../../../../models/classifier.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { tf } from '../../../../tensor/tf.ts';
import { points } from './answer.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** One pixel; class 1 from 0.5 on. */
const step: Classifier = {
  classes: 2,
  inputShape: [1, 1, 1],
  logits: (x) => tf.tidy(() => tf.concat([tf.fill([x.shape[0], 1], 0.5), x.reshape([-1, 1])], 1) as tf.Tensor2D),
  dispose() {},
};

function batchOf(pixels: readonly number[]): Batch {
  const labels = new Int32Array(pixels.length);
  return {
    x: tf.tensor4d(pixels as number[], [pixels.length, 1, 1, 1]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids: labels.map((_, i) => i),
  };
}

/** Of each image: a block of four points at growing distance, then one at a time, back. */
function* outAndBack(clean: Float32Array): Questions<never> {
  const at = (by: number) => Float32Array.of((clean[0] as number) + by);
  let next = 0.1;
  yield {
    points: 4,
    write(out) {
      out.set(at(next));
      next += 0.1;
    },
    hear() {},
  };
  for (let by = 0.4; ; by = Math.max(by - 0.01, 0)) yield* ask(at(by));
}

const run = (batchSize: number, trace?: (iteration: number, left: number) => void) => ({
  rng: new Rng('pass'),
  signal: new AbortController().signal,
  batchSize,
  sources: new Map(),
  ...(trace && { trace }),
});

test('the first misclassified point inside the ball counts; all of an inquiry is asked, in passes of any size', async () => {
  for (const batchSize of [1, 3, 16]) {
    const target = createTarget(step, 'step', undefined, 'decision');
    const left: [number, number][] = [];
    const search = {
      queries: 7,
      distance: (p: Float32Array, c: Float32Array) => Math.abs((p[0] as number) - (c[0] as number)),
      questions: outAndBack,
    };
    // 0.25: breaks at 0.3, the third of the block. 0.05: out of reach. 0.12: breaks at 0.4 alone, beyond the ball, then at 0.39, inside
    const adversarial = await decisionSearch(
      batchOf([0.25, 0.05, 0.12]),
      target,
      { norm: 'Linf', eps: 0.395 },
      run(batchSize, (iteration, survivors) => left.push([iteration, survivors])),
      search,
    );
    const found = [...adversarial.dataSync()];
    [0.55, 0.05, 0.51].forEach((v, i) => {
      expect(found[i]).toBeCloseTo(v, 6);
    });
    expect(target.passes).toEqual({ forward: 4 + 7 + 6, backward: 0 });
    expect(left.map(([, survivors]) => survivors)).toEqual([3, 3, 2, 2, 2, 1, 1]);
  }
});

test('a start is drawn from white noise first, then from coarser and coarser squares, and again', () => {
  const shape = [8, 8, 1] as const;
  const seen = [...points(endless(wrongStart([...shape], new Rng('start'))), 64, 10, () => false)];
  const colours = seen.map((image) => new Set(image).size);
  expect(colours).toEqual([64, 16, 4, 1, 64, 16, 4, 1, 64, 16]);
  // squares, not stripes
  const coarse = seen[2] as Float32Array;
  expect(new Set([0, 3, 24, 27].map((i) => coarse[i])).size).toBe(1);
  expect(new Set([0, 4, 32, 36].map((i) => coarse[i])).size).toBe(4);
});

function* endless(questions: Questions<Float32Array>): Questions<never> {
  yield* questions;
  throw new Error('a start was found');
}
