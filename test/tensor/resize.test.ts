import { beforeAll, expect, test } from 'vitest';
import { resampling, resizeAndPad } from '../../tensor/resize.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('full size is the identity', () => {
  expect(Array.from(resizeAndPad(3, 3, 0))).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
});

test('half size averages pairs, and zeros fill the rest', () => {
  // four pixels to two, placed in the middle: centres at 0.5 and 2.5
  expect(Array.from(resizeAndPad(4, 2, 1))).toEqual([0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0]);
});

test('three quarters of the size by hand', () => {
  // four pixels to three: centres at 1/6, 3/2 and 17/6
  const want = [5 / 6, 1 / 6, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 1 / 6, 5 / 6, 0, 0, 0, 0];
  resizeAndPad(4, 3, 0).forEach((v, i) => {
    expect(v).toBeCloseTo(want[i] as number, 6);
  });
});

test('every row that is not padding sums to 1, and the last pixel stays in the line', () => {
  for (const inner of [1, 5, 28, 31, 32]) {
    const matrix = resizeAndPad(32, inner, 32 - inner);
    for (let row = 0; row < 32; row++) {
      const sum = matrix.subarray(row * 32, (row + 1) * 32).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(row < 32 - inner ? 0 : 1, 6);
    }
  }
});

test('each image goes to its own place, height and width by themselves', () => {
  const x = tf.tensor4d([1, 3, 5, 7, 1, 3, 5, 7], [2, 2, 2, 1]);
  const map = resampling(2, 2, [
    { inner: [1, 2], offset: [1, 0] },
    { inner: [2, 1], offset: [0, 1] },
  ]);
  // rows averaged into the lower one; columns averaged into the right one
  expect(Array.from(map.apply(x).dataSync())).toEqual([0, 0, 3, 5, 0, 2, 0, 6]);
});

test('the pullback is the transpose', () => {
  const rng = new Rng('transpose');
  const [x, dy] = [0, 1].map(() => tf.tensor4d(rng.normal(2 * 60), [2, 5, 4, 3])) as [tf.Tensor4D, tf.Tensor4D];
  const map = resampling(5, 4, [
    { inner: [3, 4], offset: [1, 0] },
    { inner: [4, 2], offset: [0, 1] },
  ]);
  const [there, back] = [map.apply(x).mul(dy).sum(), x.mul(map.pullback(dy)).sum()].map((t) => t.dataSync()[0] as number);
  expect(back).toBeCloseTo(there as number, 4);
});
