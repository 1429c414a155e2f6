/** Convolutions against the plain definition: every shape that chooses another algorithm, forward and backward. */
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { largestDifference } from '../golden.ts';

interface Case {
  what: string;
  x: [number, number, number, number];
  out: number;
  kernel: number;
  stride: number;
  pad: number;
}

const cases: Case[] = [
  { what: '16 to 16 channels, 3x3', x: [20, 8, 8, 16], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: '32 to 48 channels, 3x3, odd sizes', x: [13, 9, 7, 32], out: 48, kernel: 3, stride: 1, pad: 1 },
  { what: '16 to 64 channels, 3x3', x: [13, 8, 10, 16], out: 64, kernel: 3, stride: 1, pad: 1 },
  { what: '48 to 16 channels, one row', x: [150, 1, 5, 48], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: 'three channels', x: [4, 8, 8, 3], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: 'stride 2', x: [5, 8, 8, 16], out: 32, kernel: 3, stride: 2, pad: 1 },
  { what: '1x1, stride 2', x: [5, 8, 8, 16], out: 32, kernel: 1, stride: 2, pad: 0 },
  { what: 'a single image', x: [1, 6, 6, 16], out: 16, kernel: 3, stride: 1, pad: 1 },
];

/** Values that float32 holds with room for sums: differences between algorithms stay near 1e-6. */
const random = (key: string, shape: number[]) =>
  tf.tensor(
    new Rng(key).uniform(
      shape.reduce((a, b) => a * b, 1),
      -1,
      1,
    ),
    shape,
  );

/** Forward pass and both gradients on one backend, as plain tensors of the current backend. */
function passes({ x, out, kernel, stride, pad }: Case): tf.Tensor[] {
  const image = random('x', x) as tf.Tensor4D;
  const filter = random('filter', [kernel, kernel, x[3], out]) as tf.Tensor4D;
  const run = (a: tf.Tensor, f: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, stride, pad, 'NHWC', 1, 'floor');
  const y = run(image, filter);
  const [dx, df] = tf.grads((a, f) => run(a as tf.Tensor, f as tf.Tensor))([image, filter], random('dy', y.shape)) as [
    tf.Tensor,
    tf.Tensor,
  ];
  return [y, dx, df];
}

describe.skipIf(!findBuilt())('a convolution on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: 'cpu' });
  });

  test.each(cases)('$what: value and gradients are those of the plain backend', async (shape) => {
    await tf.setBackend('cpu');
    const wanted = passes(shape).map((t) => ({ values: t.dataSync(), shape: t.shape }));
    await tf.setBackend('torch');
    passes(shape).forEach((got, i) => {
      const want = tf.tensor(wanted[i]?.values as Float32Array, wanted[i]?.shape);
      const scale = want.abs().max().dataSync()[0] as number;
      expect(got.shape).toEqual(want.shape);
      expect(largestDifference(got, want) / scale).toBeLessThan(2e-6);
    });
  });

  test('bias and ReLU in the same call are those of separate calls', () => {
    const x = random('x', [16, 8, 8, 16]) as tf.Tensor4D;
    const filter = random('filter', [3, 3, 16, 32]) as tf.Tensor4D;
    const bias = random('bias', [32]) as tf.Tensor1D;
    const fused = tf.fused.conv2d({ x, filter, strides: 1, pad: 1, bias, activation: 'relu' });
    const apart = tf.relu(tf.conv2d(x, filter, 1, 1).add(bias));
    expect(largestDifference(fused, apart)).toBeLessThan(1e-5);
    expect(fused.min().dataSync()[0]).toBe(0);
  });
});
