/** Convolutions and maxima with margins on tfjs-node, which knows `same` and `valid` alone, against the plain backend. */
import { beforeAll, describe, expect, test } from 'vitest';
import { tensorflow } from '../../engines/tensorflow/index.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn } from './compare.ts';

const { usable, detail } = await tensorflow.probe();

describe.skipIf(!usable)(`margins on tfjs-node${usable ? '' : ` (${detail})`}`, () => {
  beforeAll(async () => {
    await tensorflow.init({ threads: 1, device: 'cpu' });
  });

  /** Value and gradients of `f` at drawn tensors of these shapes, on both backends. */
  async function expectEqual(f: (...xs: tf.Tensor[]) => tf.Tensor, ...shapes: number[][]): Promise<void> {
    const apart = await differences(() => {
      const xs = shapes.map((shape, i) => drawn(shape, String(i)));
      const y = f(...xs);
      return [y, ...tf.grads(f)(xs, drawn(y.shape, 'dy'))];
    }, 'tensorflow');
    expect(apart).toHaveLength(1 + shapes.length);
    for (const value of apart) expect(value).toBeLessThan(1e-5);
  }

  test.each([
    [1, 1, 3],
    [2, 1, 3],
    [1, 0, 3],
    [2, 3, 7],
    [1, 2, 3],
    [2, 0, 1],
  ])('a convolution with stride %i, margin %i and a filter of %i', async (stride, pad, size) => {
    const convolve = (x: tf.Tensor, f: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, stride, pad, 'NHWC', 1, 'floor');
    await expectEqual(convolve, [2, 8, 9, 3], [size, size, 3, 4]);
  });

  test('a convolution with bias and ReLU in one', async () => {
    const convolve = (x: tf.Tensor, f: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: f as tf.Tensor4D,
        strides: 2,
        pad: 1,
        dimRoundingMode: 'floor',
        bias: bias as tf.Tensor1D,
        activation: 'relu',
      });
    await expectEqual(convolve, [2, 8, 8, 3], [3, 3, 3, 4], [4]);
  });

  test.each([
    [1, 3, 7],
    [2, 1, 3],
  ])('a convolution by channel with stride %i, margin %i and a filter of %i', async (stride, pad, size) => {
    const convolve = (x: tf.Tensor, f: tf.Tensor) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, f as tf.Tensor4D, stride, pad, 'NHWC', 1, 'floor');
    await expectEqual(convolve, [2, 8, 8, 3], [size, size, 3, 1]);
  });

  test('maxima with a margin, which no number of the image is below', async () => {
    const pool = (x: tf.Tensor) => tf.maxPool((x as tf.Tensor4D).sub(5) as tf.Tensor4D, 3, 2, 1, 'floor');
    await expectEqual(pool, [2, 8, 8, 3]);
  });

  test('nothing is left in memory', () => {
    const [x, f] = [drawn([2, 8, 8, 3]) as tf.Tensor4D, drawn([3, 3, 3, 4]) as tf.Tensor4D];
    const before = tf.memory().numTensors;
    const grad = tf.grad((z: tf.Tensor) =>
      tf
        .conv2d(z as tf.Tensor4D, f, 2, 1, 'NHWC', 1, 'floor')
        .square()
        .sum(),
    )(x);
    expect(tf.memory().numTensors).toBe(before + 1);
    grad.dispose();
  });
});
