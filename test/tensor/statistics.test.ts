/** Running statistics and SGD in the composed form, on the plain backend, by hand. */
import { beforeAll, expect, test } from 'vitest';
import { moveStatistics, sgdMomentum } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const variable = (...values: number[]) => tf.variable(tf.tensor1d(values));
const values = (variables: readonly tf.Variable[]) => variables.map((v) => [...v.dataSync()]);
const close = (rows: number[][]) => rows.map((row) => row.map((v) => expect.closeTo(v, 5)));

test('each normalisation takes its own part of the statistics, a share of the way, and its variance unbiased', () => {
  const running = [variable(0, 1), variable(1, 1), variable(2), variable(1), variable(0, 0), variable(0, 0)];
  const means = tf.tensor1d([10, 20, 30, 40, 50]);
  const variances = tf.tensor1d([1, 2, 3, 4, 5]);
  const before = tf.memory().numTensors;
  moveStatistics(running, means, variances, [2, 1, 4], 0.1);
  expect(values(running)).toEqual(close([[1, 2.9], [1.1, 1.3], [4.8], [1.2], [4, 5], [1.6, 2]]));
  expect(tf.memory().numTensors).toBe(before);
});

test('SGD adds the decay to the gradient, sums with momentum, and steps by the learning rate', () => {
  const [ws, ms] = [
    [variable(1, 2), variable(10)],
    [variable(0, 1), variable(-1)],
  ];
  const grads = [tf.tensor1d([1, 1]), tf.tensor1d([2])];
  const before = tf.memory().numTensors;
  sgdMomentum(ws, grads, ms, { lr: 0.1, momentum: 0.5, weightDecay: 0.01 });
  expect(values(ms)).toEqual(close([[1.01, 1.52], [1.6]]));
  expect(values(ws)).toEqual(close([[0.899, 1.848], [9.84]]));
  expect(tf.memory().numTensors).toBe(before);
});
