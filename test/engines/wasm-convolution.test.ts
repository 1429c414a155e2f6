import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn, runKernel } from './compare.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

/** Shapes of a convolution in which at least one output pixel exists. */
const convolutions = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    h: fc.integer({ min: 1, max: 11 }),
    w: fc.integer({ min: 1, max: 11 }),
    ci: fc.integer({ min: 1, max: 17 }),
    co: fc.integer({ min: 1, max: 17 }),
    kernel: fc.constantFrom(1, 2, 3, 5),
    stride: fc.constantFrom(1, 2, 3),
    pad: fc.integer({ min: 0, max: 2 }),
  })
  .filter(({ h, w, kernel, pad }) => Math.min(h, w) + 2 * pad >= kernel && pad < kernel);
type Convolution = typeof convolutions extends fc.Arbitrary<infer T> ? T : never;

const outputSize = (size: number, { kernel, stride, pad }: Convolution) => Math.floor((size + 2 * pad - kernel) / stride) + 1;
const attrsOf = ({ stride, pad }: Convolution) => ({ strides: [stride, stride], pad, dataFormat: 'NHWC', dimRoundingMode: 'floor' });
const filterOf = (c: Convolution) => drawn([c.kernel, c.kernel, c.ci, c.co]);
const dyOf = (c: Convolution) => drawn([c.n, outputSize(c.h, c), outputSize(c.w, c), c.co], 'dy');

async function check(arbitrary: fc.Arbitrary<Convolution>, numRuns: number, compute: (c: Convolution) => tf.Tensor[]): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, async (c) => {
      for (const difference of await differences(() => compute(c))) expect(difference).toBeLessThan(2e-6);
    }),
    { seed: 11, numRuns },
  );
}

const filterGradient = (c: Convolution) =>
  runKernel(
    'Conv2DBackpropFilter',
    { x: drawn([c.n, c.h, c.w, c.ci]), dy: dyOf(c) },
    { ...attrsOf(c), filterShape: [c.kernel, c.kernel, c.ci, c.co] },
  );
const inputGradient = (c: Convolution) =>
  runKernel('Conv2DBackpropInput', { dy: dyOf(c), filter: filterOf(c) }, { ...attrsOf(c), inputShape: [c.n, c.h, c.w, c.ci] });

const forward = (c: Convolution) => {
  const [x, filter, bias] = [drawn([c.n, c.h, c.w, c.ci]), filterOf(c), drawn([c.co], 'bias')];
  return [
    ...runKernel('Conv2D', { x, filter }, { ...attrsOf(c), dilations: 1 }),
    ...runKernel('FusedConv2D', { x, filter, bias }, { ...attrsOf(c), dilations: 1, activation: 'relu' }),
    ...runKernel('FusedConv2D', { x, filter, bias }, { ...attrsOf(c), dilations: 1, activation: 'linear' }),
  ];
};

test('the convolution is that of the plain backend, with and without bias and ReLU', () => check(convolutions, 120, forward));

test('NaN in an image comes out as NaN, also past a ReLU', async () => {
  await tf.setBackend('wasm');
  const x = tf.tensor4d([Number.NaN, 1, 2, 3], [1, 2, 2, 1]);
  const conv = { x, filter: tf.ones<tf.Rank.R4>([1, 1, 1, 1]), strides: 1, pad: 0 as const };
  expect([...tf.fused.conv2d({ ...conv, bias: tf.zeros([1]), activation: 'relu' }).dataSync()]).toEqual([Number.NaN, 1, 2, 3]);
  expect([...tf.conv2d(x, conv.filter, 1, 0).relu().dataSync()]).toEqual([Number.NaN, 1, 2, 3]);
});

test('the filter gradient is that of the plain backend', () => check(convolutions, 120, filterGradient));

test('the input gradient is that of the plain backend', () => check(convolutions, 120, inputGradient));

/** The convolutions of `resnet-tiny`, one image. */
const ofResnetTiny: Convolution[] = [
  { n: 1, h: 32, w: 32, ci: 3, co: 16, kernel: 3, stride: 1, pad: 1 },
  { n: 1, h: 32, w: 32, ci: 16, co: 16, kernel: 3, stride: 1, pad: 1 },
  { n: 1, h: 32, w: 32, ci: 16, co: 32, kernel: 3, stride: 2, pad: 1 },
  { n: 1, h: 32, w: 32, ci: 16, co: 32, kernel: 1, stride: 2, pad: 0 },
  { n: 1, h: 16, w: 16, ci: 32, co: 32, kernel: 3, stride: 1, pad: 1 },
  { n: 1, h: 8, w: 8, ci: 64, co: 64, kernel: 3, stride: 1, pad: 1 },
];

test.each(ofResnetTiny)('in resnet-tiny: $kernel x $kernel, stride $stride, $h x $w x $ci to $co', async (c) => {
  const conv2D = () => runKernel('Conv2D', { x: drawn([c.n, c.h, c.w, c.ci]), filter: filterOf(c) }, { ...attrsOf(c), dilations: 1 });
  const apart = await differences(() => [...conv2D(), ...filterGradient(c), ...inputGradient(c)]);
  for (const difference of apart) expect(difference).toBeLessThan(2e-6);
});

/** Channels in fours, 3x3 and stride 1: done by minimal filtering. */
const filtered = fc.record({
  n: fc.integer({ min: 1, max: 2 }),
  h: fc.integer({ min: 3, max: 11 }),
  w: fc.integer({ min: 3, max: 11 }),
  ci: fc.constantFrom(8, 12, 16, 20, 32),
  co: fc.constantFrom(8, 12, 16, 20, 32),
  kernel: fc.constant(3),
  stride: fc.constant(1),
  pad: fc.constantFrom(0, 1, 2),
});

test('convolutions by minimal filtering, odd sizes too, are those of the plain backend', () =>
  check(filtered, 60, (c) => [...forward(c), ...inputGradient(c)]));

test('padding named as TensorFlow does, more on the right than on the left, has the gradients of the plain backend', async () => {
  const attrs = { strides: [2, 2], pad: 'same', dataFormat: 'NHWC' };
  const [x, dy, filter] = [() => drawn([2, 6, 7, 3]), () => drawn([2, 3, 4, 5], 'dy'), () => drawn([3, 3, 3, 5])];
  const apart = await differences(() => [
    ...runKernel('Conv2DBackpropFilter', { x: x(), dy: dy() }, { ...attrs, filterShape: [3, 3, 3, 5] }),
    ...runKernel('Conv2DBackpropInput', { dy: dy(), filter: filter() }, { ...attrs, inputShape: [2, 6, 7, 3] }),
  ]);
  for (const difference of apart) expect(difference).toBeLessThan(2e-6);
});

test('images with their channels first have the gradients of the plain backend', async () => {
  const attrs = { strides: [1, 1], pad: 1, dataFormat: 'NCHW' };
  const apart = await differences(() =>
    runKernel('Conv2DBackpropFilter', { x: drawn([2, 3, 6, 5]), dy: drawn([2, 4, 6, 5], 'dy') }, { ...attrs, filterShape: [3, 3, 3, 4] }),
  );
  expect(apart[0]).toBeLessThan(2e-6);
});
