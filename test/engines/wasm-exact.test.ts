import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn } from './compare.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

test('the sum of a million numbers is that of float64 to rounding', async () => {
  await tf.setBackend('wasm');
  const values = new Rng('sum').uniform(1_000_003);
  const exact = values.reduce((a, b) => a + b, 0);
  for (const shape of [[1_000_003], [1_000_003, 1]]) {
    const x = tf.tensor(values, shape);
    expect((x.sum(0).dataSync()[0] as number) / exact).toBeCloseTo(1, 6);
    expect(((x.mean(0).dataSync()[0] as number) * values.length) / exact).toBeCloseTo(1, 6);
  }
  const columns = tf.tensor2d(values.subarray(0, 1_000_000), [250_000, 4]).sum(0).dataSync();
  let third = 0;
  for (let i = 2; i < 1_000_000; i += 4) third += values[i] as number;
  expect((columns[2] as number) / third).toBeCloseTo(1, 6);
});

test('sums and means over any axes are those of the plain backend', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
      fc.nat(15),
      fc.boolean(),
      async (shape, mask, keep) => {
        const axes = shape.map((_, i) => i).filter((i) => (mask >> i) & 1);
        const positive = () => drawn(shape).abs(); // a sum near zero has no relative error to speak of
        const apart = await differences(() => [positive().sum(axes, keep), positive().mean(axes, keep), positive().sum()]);
        for (const difference of apart) expect(difference).toBeLessThan(2e-6);
      },
    ),
    { seed: 3, numRuns: 60 },
  ));

test('NaN passes through ReLU and clipping', async () => {
  await tf.setBackend('wasm');
  const x = tf.tensor1d([Number.NaN, -2, 0.5, 9, Number.NaN]);
  expect([...tf.relu(x).dataSync()]).toEqual([Number.NaN, 0, 0.5, 9, Number.NaN]);
  expect([...tf.relu6(x).dataSync()]).toEqual([Number.NaN, 0, 0.5, 6, Number.NaN]);
  expect([...x.clipByValue(-1, 1).dataSync()]).toEqual([Number.NaN, -1, 0.5, 1, Number.NaN]);
});

test('the gradient of max pooling is that of the plain backend, below zero and at ties too', () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        n: fc.integer({ min: 1, max: 2 }),
        h: fc.integer({ min: 3, max: 8 }),
        w: fc.integer({ min: 3, max: 8 }),
        c: fc.constantFrom(1, 3, 4),
      }),
      fc.constantFrom([2, 2, 0], [3, 2, 1], [3, 1, 0]),
      async ({ n, h, w, c }, pool) => {
        const [kernel, stride, pad] = pool as [number, number, number];
        const pooled = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, kernel, stride, pad, 'floor').square();
        const x = () => drawn([n, h, w, c]).mul(2).round().sub(1.5); // few values, so that some tie
        expect((await differences(() => [tf.grad(pooled)(x())]))[0]).toBeLessThan(1e-6);
      },
    ),
    { seed: 9, numRuns: 40 },
  ));
