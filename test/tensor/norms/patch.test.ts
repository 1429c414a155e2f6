import { beforeAll, expect, test } from 'vitest';
import { heaviest, Patch } from '../../../tensor/norms/patch.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** `[1,4,5,1]` with 1 at these rows and columns. */
const at = (...places: [number, number][]) =>
  tf.tensor4d(
    Array.from({ length: 20 }, (_, i) => Number(places.some(([r, c]) => r * 5 + c === i))),
    [1, 4, 5, 1],
  );
const numbers = (t: tf.Tensor) => Array.from(t.dataSync());

test('the size is the side of the smallest square that holds every change', () => {
  const sizes = [at(), at([2, 3]), at([1, 1], [2, 1]), at([0, 0], [3, 4]), at([3, 0], [3, 3])].map((d) => numbers(Patch.size(d))[0]);
  expect(sizes).toEqual([0, 1, 2, 5, 4]);
});

test('the projection keeps the square with most of the change, and what lies in a square stays to the bit', () => {
  const origin = tf.zeros([1, 4, 5, 1]) as tf.Tensor4D;
  const x = at([0, 0], [2, 2], [3, 3]);
  expect(numbers(Patch.project(x, origin, 2))).toEqual(numbers(at([2, 2], [3, 3])));
  expect(numbers(Patch.project(x, origin, 4))).toEqual(numbers(x));
  expect(numbers(Patch.project(x, origin, 0))).toEqual(numbers(origin));
  expect(numbers(Patch.project(x.mul(3) as tf.Tensor4D, origin, tf.tensor4d([2], [1, 1, 1, 1])))).toEqual(numbers(at([2, 2], [3, 3])));
});

test('points of the ball fill one square of its side', () => {
  const points = Patch.inBall([20, 6, 6, 3], 2.5, new Rng('points'));
  expect(numbers(Patch.size(points))).toEqual(new Array(20).fill(2));
  expect(numbers(points.notEqual(0).cast('float32').sum([1, 2, 3]))).toEqual(new Array(20).fill(12));
});

test('the heaviest squares come first, none near one before it', () => {
  const weights = Float32Array.from({ length: 16 }, (_, i) => [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8][i] as number);
  expect(heaviest(weights, [1, 4, 4], 2, 3)[0]?.slice(0, 2)).toEqual([
    [0, 0],
    [2, 2],
  ]);
});
