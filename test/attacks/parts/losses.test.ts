import { beforeAll, expect, test } from 'vitest';
import { crossEntropy, klDivergence, margin, targetedMargin } from '../../../attacks/parts/losses.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const logits = () => tf.tensor2d([2, 5, 3], [1, 3]);
const labels = (...values: number[]) => tf.tensor1d(values, 'int32');
const value = (t: tf.Tensor) => t.dataSync()[0] as number;

test('the margin is the largest wrong logit less the right one', () => {
  expect(value(margin(labels(1))(logits()))).toBe(-2);
  expect(value(margin(labels(0))(logits()))).toBe(3);
});

test('the margin has gradient 1 at the largest wrong logit and -1 at the right one', () => {
  const grad = tf.grad((z: tf.Tensor) => margin(labels(1))(z as tf.Tensor2D))(logits());
  expect(Array.from(grad.dataSync())).toEqual([0, -1, 1]);
});

test('the targeted margin looks at its class alone', () => {
  expect(value(targetedMargin(labels(1), labels(0))(logits()))).toBe(-3);
});

test('cross-entropy of equal logits is the logarithm of their number', () => {
  expect(value(crossEntropy(labels(2))(tf.tensor2d([7, 7, 7], [1, 3])))).toBeCloseTo(Math.log(3), 6);
});

test('the KL divergence from itself is zero, and from a coin to a sure thing as computed by hand', () => {
  expect(value(klDivergence(logits())(logits()))).toBeCloseTo(0, 6);
  // p = (1/2, 1/2), q = (3/4, 1/4): log(1/2) - (log(3/4) + log(1/4)) / 2
  const clean = tf.tensor2d([0, 0], [1, 2]);
  const other = tf.tensor2d([Math.log(3), 0], [1, 2]);
  expect(value(klDivergence(clean)(other))).toBeCloseTo(Math.log(0.5) - (Math.log(0.75) + Math.log(0.25)) / 2, 6);
});
