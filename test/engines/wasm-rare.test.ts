/** Calls that the wasm backend's own kernels refuse or get wrong: strings, complex numbers, integer matrices, NCHW, odd biases. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn, runKernel } from './compare.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const near = async (compute: () => tf.Tensor[]) => {
  for (const difference of await differences(compute)) expect(difference).toBeLessThan(2e-6);
};

test('the product of complex numbers, and its parts, are those worked by hand', async () => {
  await tf.setBackend('wasm');
  const z = tf.complex([1, 0], [2, -1]).mul(tf.complex([3, 5], [4, 0]));
  expect([...z.dataSync()]).toEqual([-5, 10, 0, -5]);
  expect([...tf.real(z).dataSync()]).toEqual([-5, 0]);
  expect([...tf.imag(z).dataSync()]).toEqual([10, -5]);
});

test('a Fourier transform and back gives the signal', async () => {
  await tf.setBackend('wasm');
  const signal = tf.tensor1d([3, -1, 4, 1, -5, 9, 2, 6]);
  const back = tf.irfft(tf.rfft(signal) as tf.Tensor1D).reshape([8]);
  expect(back.sub(signal).abs().max().dataSync()[0]).toBeLessThan(1e-5);
});

test('complex tensors and strings leave nothing behind', async () => {
  await tf.setBackend('wasm');
  const plain = tf.findBackend('cpu') as tf.KernelBackend;
  const counts = () => [tf.memory().numTensors, tf.backend().numDataIds(), plain.numDataIds()];
  const work = () => {
    const z = tf.complex([3, 0], [4, 1]);
    const kept = [z, z.clone(), z.reshape([2, 1]), tf.abs(z), tf.spectral.fft(z), tf.tile(tf.tensor1d(['a', 'b']), [2])];
    tf.dispose(kept);
  };
  tf.tidy(work);
  const before = counts();
  tf.tidy(work);
  expect(counts()).toEqual(before);
});

test('strings are compared, tiled and reshaped', async () => {
  await tf.setBackend('wasm');
  const words = tf.tensor1d(['pgd', 'fgsm', 'cw']);
  expect(tf.equal(words, tf.tensor1d(['pgd', 'cw', 'cw'])).arraySync()).toEqual([1, 0, 1]);
  expect(tf.tile(words.reshape([3, 1]), [1, 2]).arraySync()).toEqual([
    ['pgd', 'pgd'],
    ['fgsm', 'fgsm'],
    ['cw', 'cw'],
  ]);
});

test('products of integer matrices are exact beyond the reach of float32', async () => {
  await tf.setBackend('wasm');
  const product = tf.matMul(tf.tensor2d([[16777217, 1]], [1, 2], 'int32'), tf.tensor2d([[1], [2]], [2, 1], 'int32'));
  expect(product.dtype).toBe('int32');
  expect([...product.dataSync()]).toEqual([16777219]);
});

test.each([
  [true, false],
  [false, true],
  [true, true],
])(
  'products of transposed factors, %s and %s, are those of the plain backend, few numbers or many, in batches or alone',
  async (turnA, turnB) => {
    const cases: [batches: number[], batchesB: number[], m: number, k: number, n: number][] = [
      [[], [], 3, 4, 5],
      [[], [], 40, 33, 50],
      [[2, 3], [2, 3], 40, 33, 50],
      [[4], [1], 70, 16, 30],
    ];
    for (const [batches, batchesB, m, k, n] of cases)
      await near(() => [
        tf.matMul(
          drawn([...batches, ...(turnA ? [k, m] : [m, k])], 'a'),
          drawn([...batchesB, ...(turnB ? [n, k] : [k, n])], 'b'),
          turnA,
          turnB,
        ),
      ]);
  },
);

test('a product of a transposed factor leaves nothing behind', async () => {
  await tf.setBackend('wasm');
  const [a, b] = [drawn([64, 64]), drawn([64, 64])] as [tf.Tensor2D, tf.Tensor2D];
  const before = tf.backend().numDataIds();
  for (const turns of [true, false]) tf.matMul(a, b, turns, true).dispose();
  expect(tf.backend().numDataIds()).toBe(before);
});

test('convolutions of NCHW images and both gradients are those of the plain backend', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom([1, 3], [3, 1], [3, 8], [8, 8]),
      fc.constantFrom(1, 2),
      fc.constantFrom<'same' | 1 | [number, number][]>('same', 1, [
        [0, 0],
        [0, 0],
        [0, 1],
        [2, 1],
      ]),
      async ([ci, co], stride, pad) => {
        const x = () => drawn([2, ci as number, 7, 6], 'x');
        const filter = () => drawn([3, 3, ci as number, co as number], 'filter');
        const attrs = { strides: [stride, stride], pad, dataFormat: 'NCHW', dilations: [1, 1], dimRoundingMode: 'floor' };
        await near(() => {
          const y = runKernel('Conv2D', { x: x(), filter: filter() }, attrs)[0] as tf.Tensor;
          const dy = drawn(y.shape, 'dy');
          const dx = runKernel('Conv2DBackpropInput', { dy, filter: filter() }, { ...attrs, inputShape: x().shape });
          const dFilter = runKernel('Conv2DBackpropFilter', { x: x(), dy }, { ...attrs, filterShape: filter().shape });
          return [y, ...dx, ...dFilter];
        });
      },
    ),
    { seed: 5, numRuns: 24 },
  ));

test.each(['NHWC', 'NCHW'] as const)('a fused %s convolution takes biases and slopes of any shape that broadcasts', (dataFormat) =>
  near(() => {
    const last = dataFormat === 'NHWC';
    const [x, filter] = [drawn(last ? [2, 5, 4, 3] : [2, 3, 5, 4]) as tf.Tensor4D, drawn([3, 3, 3, 8]) as tf.Tensor4D];
    const shapes = [[], [8], last ? [4, 1] : [8, 1, 4], last ? [2, 5, 4, 8] : [2, 8, 5, 4]];
    return shapes.flatMap((shape) =>
      (['linear', 'relu', 'relu6', 'sigmoid', 'elu', 'leakyrelu', 'prelu'] as const).flatMap((activation) =>
        runKernel(
          'FusedConv2D',
          { x, filter, bias: drawn(shape, 'bias'), ...(activation === 'prelu' ? { preluActivationWeights: drawn(shape, 'slopes') } : {}) },
          { strides: [1, 1], pad: 'same', dataFormat, dilations: [1, 1], activation, leakyreluAlpha: 0.3 },
        ),
      ),
    );
  }),
);

test('a bias that was reshaped to one number per channel is taken', () =>
  near(() => {
    const [x, filter] = [drawn([2, 5, 4, 3]) as tf.Tensor4D, drawn([3, 3, 3, 8]) as tf.Tensor4D];
    const bias = drawn([1, 8]).reshape([8]) as tf.Tensor1D;
    return [tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'relu6' })];
  }));

test('the slopes of a PReLU may differ along any axis', () =>
  near(() => [[3], [4, 1], [5, 1, 1], [5, 4, 3], [1, 1, 1]].map((shape) => tf.prelu(drawn([2, 5, 4, 3]), drawn(shape, 'slopes')))));

test('pools of integers, and with windows in the padding alone, are those of the plain backend', () =>
  near(() => {
    const x = drawn([1, 2, 2, 3]) as tf.Tensor4D;
    const whole = drawn([1, 4, 4, 2]).mul(10).cast('int32') as tf.Tensor4D;
    return [tf.pool(x, 1, 'max', 1, undefined, 2), tf.pool(x, 1, 'avg', 1, undefined, 2), tf.maxPool(whole, 2, 2, 0)];
  }));

test('numbers in images of several channels are counted over the whole', () =>
  near(() => [tf.bincount(tf.tensor3d([0, 1, 1, 3], [2, 1, 2], 'int32') as unknown as tf.Tensor1D, tf.tensor1d([]), 4)]));

test('a slice past the end is refused', () => {
  expect(() => tf.slice(drawn([3, 4]), [1, 2], [2, 3])).toThrow(/begin\[1\] \+ size\[1\]/);
});

test('a gradient whose shape is not that of the output is refused with both shapes', async () => {
  await tf.setBackend('wasm');
  const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', inputShape: [1, 4, 4, 3] };
  expect(() => runKernel('Conv2DBackpropInput', { dy: drawn([1, 8, 8, 2]), filter: drawn([3, 3, 3, 2]) }, attrs)).toThrow(
    '[wasm] Conv2DBackpropInput: expected dy [1, 4, 4, 2], got [1, 8, 8, 2]',
  );
});
