/** The gradient of the nuclear norm against matrices whose singular values are known. */
import { beforeAll, describe, expect, test } from 'vitest';
import { nuclearByRow, polarFactor } from '../../../defenses/parts/nuclear.ts';
import { engine } from '../../../engines/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

const close = (got: ArrayLike<number>, want: readonly number[], digits = 6) =>
  want.forEach((w, i) => {
    expect(got[i]).toBeCloseTo(w, digits);
  });

describe('the polar factor', () => {
  test('of a diagonal is the signs', () => close(polarFactor([3, 0, 0, -0.5], 2, 2), [1, 0, 0, -1]));
  test('of one column is the unit vector along it, of one row too', () => {
    close(polarFactor([3, 4], 2, 1), [0.6, 0.8]);
    close(polarFactor([3, 4], 1, 2), [0.6, 0.8]);
  });
  // for [[a, b], [c, d]] of negative determinant it is [[a - d, b + c], [b + c, d - a]] over their common length
  test('of a matrix of negative determinant is a reflection', () =>
    close(
      polarFactor([1, 2, 3, 4], 2, 2),
      [-3, 5, 5, 3].map((v) => v / Math.sqrt(34)),
    ));
  test('leaves out what the matrix has no singular value for', () => {
    // of rank one: u v^T with u = (1, 2) / sqrt(5), v = (2, 1) / sqrt(5)
    close(
      polarFactor([2, 1, 4, 2], 2, 2),
      [2, 1, 4, 2].map((v) => v / 5),
    );
    close(polarFactor(new Float32Array(6), 2, 3), [0, 0, 0, 0, 0, 0]);
  });
  test.each([
    [7, 4],
    [4, 7],
  ])('of %d x %d has singular values of one, and undoes what it is turned by', (rows, columns) => {
    const factor = tf.tensor2d(polarFactor(new Rng('a').normal(rows * columns), rows, columns), [rows, columns]);
    const [short, long] = rows < columns ? [factor, factor.transpose()] : [factor.transpose(), factor];
    close(tf.matMul(short as tf.Tensor2D, long as tf.Tensor2D).dataSync(), [...tf.eye(Math.min(rows, columns)).dataSync()]);
  });
});

test('rows add up to the nuclear norm, and the gradient is the polar factor', () => {
  const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const b = tf.zerosLike(a) as tf.Tensor2D;
  // sum of singular values: sqrt(trace(A^T A) + 2 |det A|) = sqrt(30 + 4)
  expect(nuclearByRow(a, b).sum().dataSync()[0]).toBeCloseTo(Math.sqrt(34), 5);
  const [da, db] = tf.grads((p, q) => nuclearByRow(p as tf.Tensor2D, q as tf.Tensor2D).sum())([a, b]) as [tf.Tensor, tf.Tensor];
  const want = [-3, 5, 5, 3].map((v) => v / Math.sqrt(34));
  close(da.dataSync(), want);
  close(
    db.dataSync(),
    want.map((v) => -v),
  );
});
