/** Convolutions against the plain definition: every shape that chooses another algorithm, forward and backward. */
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { largestDifference } from '../golden.ts';
import { testDevice } from './device.ts';

interface Case {
  what: string;
  x: [number, number, number, number];
  out: number;
  kernel: number;
  stride: number;
  pad: number;
}

const cases: Case[] = [
  { what: '16 to 16 channels, 3x3', x: [4, 8, 8, 16], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: '32 to 48 channels, 3x3, odd sizes', x: [3, 9, 7, 32], out: 48, kernel: 3, stride: 1, pad: 1 },
  { what: '16 to 64 channels, 3x3', x: [3, 8, 10, 16], out: 64, kernel: 3, stride: 1, pad: 1 },
  { what: '48 to 16 channels, one row', x: [5, 1, 5, 48], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: 'three channels', x: [4, 8, 8, 3], out: 16, kernel: 3, stride: 1, pad: 1 },
  { what: 'stride 2', x: [5, 8, 8, 16], out: 32, kernel: 3, stride: 2, pad: 1 },
  { what: '1x1, stride 2', x: [5, 8, 8, 16], out: 32, kernel: 1, stride: 2, pad: 0 },
  { what: 'a single image', x: [1, 6, 6, 16], out: 16, kernel: 3, stride: 1, pad: 1 },
];

/** Batches large enough for Winograd's algorithm; their single images take the direct one, which the cases above check. */
const large: [number, number, number, number, number][] = [
  [65, 8, 8, 16, 16],
  [52, 9, 7, 32, 48],
  [52, 8, 10, 16, 64],
  [342, 1, 5, 48, 16],
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
    await torch.init({ threads: 1, device: testDevice });
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

  test.each(large)('a batch of %i images %i x %i, %i to %i channels, is its parts one by one', (n, h, w, inC, outC) => {
    const x = random('x', [n, h, w, inC]) as tf.Tensor4D;
    const filter = random('filter', [3, 3, inC, outC]) as tf.Tensor4D;
    const dy = random('dy', [n, h, w, outC]);
    const run = (a: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, filter, 1, 1);
    const parts = tf.unstack(x).map((image) => image.expandDims(0));
    const dyParts = tf.unstack(dy).map((part) => part.expandDims(0));
    const y = tf.concat(parts.map(run));
    const dx = tf.concat(parts.map((part, i) => tf.grad(run)(part, dyParts[i])));
    for (const [got, want] of [
      [run(x), y],
      [tf.grad(run)(x, dy), dx],
    ] as const)
      expect(largestDifference(got, want) / (want.abs().max().dataSync()[0] as number)).toBeLessThan(2e-6);
  });

  test.skipIf(testDevice !== 'cpu')('of few tiles and many weights has the bits of one thread on two', async () => {
    const shape = { what: '', x: [17, 7, 8, 256] as Case['x'], out: 272, kernel: 3, stride: 1, pad: 1 };
    const one = passes(shape).slice(0, 2);
    await torch.init({ threads: 2, device: testDevice });
    const two = passes(shape).slice(0, 2);
    await torch.init({ threads: 1, device: testDevice });
    for (const [i, want] of one.entries()) expect(largestDifference(two[i] as tf.Tensor, want)).toBe(0);
  });

  test.each([
    [0, 8, 8, 3],
    [0, 8, 8, 16],
    [5, 4, 4, 0],
    [16, 8, 8, 0],
  ] as const)('of images [%i,%i,%i,%i] is empty or zero, and so are its gradients', (n, h, w, c) => {
    for (const stride of [1, 2]) {
      const [y, dx, df] = passes({ what: '', x: [n, h, w, c], out: 16, kernel: 3, stride, pad: 1 }) as [tf.Tensor, tf.Tensor, tf.Tensor];
      expect([y, dx, df].map(({ shape }) => shape)).toEqual([
        [n, h / stride, w / stride, 16],
        [n, h, w, c],
        [3, 3, c, 16],
      ]);
      for (const t of [y, dx, df]) expect(t.dataSync().every((v) => v === 0)).toBe(true);
    }
  });

  test('bias and ReLU in the same call are those of separate calls', () => {
    const x = random('x', [64, 8, 8, 16]) as tf.Tensor4D;
    const filter = random('filter', [3, 3, 16, 32]) as tf.Tensor4D;
    const bias = random('bias', [32]) as tf.Tensor1D;
    const fused = tf.fused.conv2d({ x, filter, strides: 1, pad: 1, bias, activation: 'relu' });
    const apart = tf.relu(tf.conv2d(x, filter, 1, 1).add(bias));
    expect(largestDifference(fused, apart)).toBeLessThan(1e-5);
    expect(fused.min().dataSync()[0]).toBe(0);
  });
});
