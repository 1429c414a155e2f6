import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn } from './compare.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const shapes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
const exact = async (compute: () => tf.Tensor[]) => {
  for (const difference of await differences(compute)) expect(difference).toBe(0);
};
const overShapes = (body: (shape: number[], pick: number) => Promise<void>) =>
  fc.assert(fc.asyncProperty(shapes, fc.nat(1000), body), { seed: 3, numRuns: 40 });

/** The same values as float32, int32 and bool: four bytes and one. */
const everyType = (t: tf.Tensor) => [t, t.mul(10).cast('int32'), t.cast('bool')];

test('reversing any axis', () =>
  overShapes((shape, pick) => exact(() => everyType(drawn(shape)).map((t) => tf.reverse(t, pick % shape.length)))));

test('reversing several axes', () => exact(() => [tf.reverse(drawn([2, 3, 4]), [0, 2])]));

test('tiling', () =>
  overShapes((shape, pick) =>
    exact(() =>
      everyType(drawn(shape)).map((t) =>
        tf.tile(
          t,
          shape.map((_, i) => 1 + ((pick >> i) % 3)),
        ),
      ),
    ),
  ));

test('gathering along any axis, with repeats and in any order', () =>
  overShapes((shape, pick) =>
    exact(() => {
      const axis = pick % shape.length;
      const indices = tf.tensor1d(
        Array.from({ length: 5 }, (_, i) => (pick + 3 * i) % (shape[axis] as number)),
        'int32',
      );
      return everyType(drawn(shape)).map((t) => tf.gather(t, indices, axis));
    }),
  ));

test('gathering outside the axis is refused', () => {
  expect(() => tf.gather(drawn([3, 2]), tf.tensor1d([0, 3], 'int32'))).toThrow('the index value 3 is not in [0, 2]');
});

test('choosing by a condition', () =>
  overShapes((shape) => exact(() => [tf.where(drawn(shape).greater(0), drawn(shape, 'a'), drawn(shape, 'b'))])));

test('extremes of two tensors, of a tensor and a number, and of shapes that broadcast', () =>
  overShapes((shape) =>
    exact(() => {
      const [a, b, row] = [drawn(shape, 'a'), drawn(shape, 'b'), drawn([shape[shape.length - 1] as number], 'row')];
      const half = tf.scalar(0.5);
      return [tf.maximum(a, b), tf.minimum(a, b), tf.maximum(a, half), tf.minimum(a, half), tf.maximum(a, row), tf.minimum(half, a)];
    }),
  ));

test('the clone of a tensor outlives it', async () => {
  await tf.setBackend('wasm');
  const x = tf.tensor1d([1, 2, 3]);
  const copy = x.clone();
  x.dispose();
  tf.tensor1d([7, 8, 9]); // would take the place of a freed tensor
  expect([...copy.dataSync()]).toEqual([1, 2, 3]);
});

test('casting to bool: whatever is not zero is true', () =>
  exact(() => [tf.tensor1d([0, 0.3, -0.5, 2, Number.NaN]).cast('bool'), tf.tensor1d([0, 1, 256, -1], 'int32').cast('bool')]));

test('kernels that the backend lacks are there: einsum and the gradient of a gather', () =>
  exact(() => [
    tf.einsum('ij,jk->ik', tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])),
    tf.grad((t: tf.Tensor) => tf.gather(t, tf.tensor1d([0, 0, 2], 'int32')).sum())(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2])),
  ]));
