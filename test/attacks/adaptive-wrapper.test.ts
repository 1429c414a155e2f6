/** A step without a gradient before a network: plain PGD, the gradient straight through it (BPDA), and the network without it. */
import { beforeAll, expect, test } from 'vitest';
import type { AttackPlugin, AttackRun, Batch, Target } from '../../attacks/attack.ts';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import transfer from '../../attacks/transfer.ts';
import bitDepth from '../../defenses/bit-depth.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { randomLinear } from '../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE: Shape = [8, 8, 3];
const LEVELS = 15;
const N = 24;
/** Two grey levels: what a step of its length reaches is the same with rounding and without. */
const THREAT = { norm: 'Linf', eps: 1 / LEVELS } as const;

/** As someone writes it who has not heard of masked gradients: TensorFlow.js takes the gradient of rounding for zero. */
function rounding(inner: Classifier): Classifier {
  return {
    classes: inner.classes,
    inputShape: inner.inputShape,
    logits: (x) => tf.tidy(() => inner.logits(tf.round(x.mul(LEVELS)).div(LEVELS) as tf.Tensor4D)),
    dispose() {},
  };
}

/** Images on the grid of levels that `classifier` gets right by its own word. */
function images(classifier: Classifier): Batch {
  const levels = new Rng('images').uniform(N * 192, 3, 12).map(Math.round);
  const x = tf.tensor4d(
    levels.map((l) => l / LEVELS),
    [N, ...SHAPE],
  );
  const labels = Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync()));
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
}

async function left(plugin: AttackPlugin, params: object, attacked: Classifier, batch: Batch, source?: Target): Promise<number> {
  const attack = plugin.create(plugin.params.parse({ steps: 1, stepSize: THREAT.eps, ...params }));
  const sources = new Map<string, Target>(source ? [['without', source]] : []);
  const run: AttackRun = { rng: new Rng('run'), signal: new AbortController().signal, batchSize: N, sources };
  const found = await attack.perturb(batch, createTarget(attacked, 'attacked', undefined, plugin.access), THREAT, run);
  const predicted = tf.tidy(() => attacked.logits(found).argMax(1).dataSync());
  return batch.labels.filter((label, i) => label === predicted[i]).length;
}

test('plain PGD breaks nothing, BPDA and what is made without the step break what PGD breaks where there is no step', async () => {
  const inner = randomLinear(SHAPE, 5, new Rng('weights'));
  const batch = images(inner);
  const plain = { randomStart: false };
  const withoutStep = await left(pgd, plain, inner, batch);
  expect(withoutStep).toBeLessThan(N / 2);
  expect(await left(pgd, plain, rounding(inner), batch)).toBe(N);
  const wrapped = bitDepth.apply(bitDepth.params.parse({ bits: 4 }), inner);
  expect(await left(pgd, plain, wrapped, batch)).toBe(withoutStep);
  // its random start rounds to other levels, so that a few more or less break
  const carried = await left(transfer, { sources: ['without'], momentum: 0 }, rounding(inner), batch, createTarget(inner, 'without'));
  expect(carried).toBeLessThan(N / 2);
});
