import { beforeAll, describe, expect, test } from 'vitest';
import { norm } from '../../../tensor/norms/index.ts';
import { L0, L0Pixels } from '../../../tensor/norms/l0.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Two pixels of three channels: one changed in two of them, one in one. */
const delta = () => tf.tensor4d([0.5, 0, -0.25, 0, 0.125, 0], [1, 1, 2, 3]);
const numbers = (t: tf.Tensor) => Array.from(t.dataSync());

test('L0 counts values, L0-pixels pixels with any channel changed', () => {
  expect(numbers(L0.size(delta()))).toEqual([3]);
  expect(numbers(L0Pixels.size(delta()))).toEqual([2]);
  expect(numbers(L0.size(tf.zeros([2, 1, 2, 3]) as tf.Tensor4D))).toEqual([0, 0]);
});

test('a linear function rises by at most its dual with each unit that changes by 1', () => {
  expect(numbers(L0.dual(delta()))).toEqual([0.5]);
  expect(numbers(L0Pixels.dual(delta()))).toEqual([0.75]);
});

describe.each(['L0', 'L0-pixels'])('%s', (name) => {
  const own = norm(name);

  test('what lies in ball and box stays to the bit', () => {
    const origin = tf.fill([1, 1, 2, 3], 0.3) as tf.Tensor4D;
    const x = origin.add(delta()) as tf.Tensor4D;
    expect(numbers(own.project(x, origin, 3))).toEqual(numbers(x));
  });

  test('radius 0 leaves the image, and a radius of each example is its own', () => {
    const origin = tf.fill([2, 1, 2, 3], 0.5) as tf.Tensor4D;
    const x = tf.concat([delta(), delta()], 0).add(origin) as tf.Tensor4D;
    expect(numbers(own.project(x, origin, 0))).toEqual(numbers(origin));
    const projected = own.project(x, origin, tf.tensor4d([0, 1], [2, 1, 1, 1]));
    expect(numbers(own.size(projected.sub(origin) as tf.Tensor4D))).toEqual([0, 1]);
  });

  test('points of the ball change as many units as the radius allows, and starts one value', () => {
    const points = own.inBall([3, 4, 4, 3], 5.9, new Rng('points'));
    expect(numbers(own.size(points))).toEqual([5, 5, 5]);
    expect(numbers(own.size(own.inBall([1, 2, 2, 3], 100, new Rng('all'))))[0]).toBe(name === 'L0' ? 12 : 4);
    const start = own.start(48, new Rng('start'));
    expect(start.filter((v) => v !== 0).map(Math.abs)).toEqual(Float32Array.of(1));
  });
});

test('the projection keeps what changes most, of equal changes the first, and what is cut to the box no more than that', () => {
  const origin = tf.tensor4d([0.5, 0.5, 0.9, 0.5], [1, 1, 4, 1]);
  const x = tf.tensor4d([0.7, 0.3, 1.9, 0.5], [1, 1, 4, 1]);
  // by hand: changes of 0.2, 0.2 and, in the box, 0.1
  expect(numbers(L0.project(x, origin, 1))).toEqual([0.7, 0.5, 0.9, 0.5].map(Math.fround));
  expect(numbers(L0.project(x, origin, 2))).toEqual([0.7, 0.3, 0.9, 0.5].map(Math.fround));
  expect(numbers(L0.project(x, origin, 3))).toEqual([0.7, 0.3, 1, 0.5].map(Math.fround));
});

test('of pixels, that with the larger change of all channels together stays', () => {
  const origin = tf.zeros([1, 1, 2, 3]) as tf.Tensor4D;
  const x = tf.tensor4d([0.5, 0, 0, 0.4, 0.4, 0], [1, 1, 2, 3]);
  expect(numbers(L0Pixels.project(x, origin, 1))).toEqual([0, 0, 0, 0.4, 0.4, 0].map(Math.fround));
});
