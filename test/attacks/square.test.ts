import { beforeAll, expect, test } from 'vitest';
import square from '../../attacks/square.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { constantClassifier } from '../contract/linear.ts';

testAttack(square, { queries: 60, restarts: 2 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each([0, 1, 2])('of equal scores the first is what the model says: with all of them equal, label %s', async (label) => {
  const shape: Shape = [4, 4, 1];
  const target = createTarget(constantClassifier(shape, 3, 1), 'undecided');
  const labels = Int32Array.of(label);
  const batch = { x: tf.fill([1, ...shape], 0.5) as tf.Tensor4D, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(7) };
  const run = { rng: new Rng('ties'), signal: new AbortController().signal, batchSize: 1, sources: new Map() };
  await square.create(square.params.parse({ queries: 10 })).perturb(batch, target, { norm: 'Linf', eps: 0.1 }, run);
  // the starting point and every query, or the starting point alone where it errs
  expect(target.passes.forward).toBe(label === 0 ? 11 : 1);
});
