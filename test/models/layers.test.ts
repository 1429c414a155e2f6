/** What the layers of transformers compute, by hand. */
import { beforeAll, expect, test } from 'vitest';
import { type Activation, forwardLayer, type LayerNode } from '../../models/graph/layers.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const none = () => {
  throw new Error('this layer has no parameters');
};
const run = (node: LayerNode, x: tf.Tensor, values: Record<string, tf.Tensor> = {}) => {
  const y = forwardLayer(node, x, (name) => values[name] ?? none());
  return { shape: y.shape, values: [...y.dataSync()] };
};
const close = (...values: number[]) => values.map((v) => expect.closeTo(v, 5));

test.each<[Activation, number[]]>([
  // x / (1 + exp(-x)); x times the normal distribution function; its approximation by tanh
  ['silu', [0, 0.7310586, -0.2384058]],
  ['gelu', [0, 0.8413447, -0.0455003]],
  ['gelu-tanh', [0, 0.841192, -0.0454023]],
])('%s of 0, 1 and -2', (fn, want) => {
  expect(run({ op: 'act', input: 0, fn }, tf.tensor1d([0, 1, -2])).values).toEqual(want.map((v) => expect.closeTo(v, 5)));
});

test('padding puts zeros around the image', () => {
  const padded = run({ op: 'pad', input: 0, top: 1, bottom: 0, left: 0, right: 2 }, tf.tensor4d([5, 6], [1, 1, 2, 1]));
  expect(padded).toEqual({ shape: [1, 2, 4, 1], values: [0, 0, 0, 0, 5, 6, 0, 0] });
});

test('each group of a grouped convolution reads its own channels', () => {
  const node: LayerNode = { op: 'groupedConv', input: 0, name: 'g', inC: 4, outC: 2, kernel: 1, stride: 1, pad: 0, bias: true, groups: 2 };
  // [k,k,in/groups,out]: the first output is c0 + 10 c1, the second 100 c2 + 1000 c3
  const weight = tf.tensor4d([1, 100, 10, 1000], [1, 1, 2, 2]);
  const y = run(node, tf.tensor4d([1, 2, 3, 4], [1, 1, 1, 4]), { 'g.weight': weight, 'g.bias': tf.tensor1d([0.5, 0.25]) });
  expect(y).toEqual({ shape: [1, 1, 1, 2], values: [21.5, 4300.25] });
});

test('a group of one channel is a depthwise convolution', () => {
  const node: LayerNode = { op: 'groupedConv', input: 0, name: 'g', inC: 2, outC: 2, kernel: 1, stride: 1, pad: 0, bias: false, groups: 2 };
  const y = run(node, tf.tensor4d([1, 2, 3, 4], [1, 2, 1, 2]), { 'g.weight': tf.tensor4d([10, 100], [1, 1, 1, 2]) });
  expect(y).toEqual({ shape: [1, 2, 1, 2], values: [10, 200, 30, 400] });
});

test('layer normalisation centres and scales the channels of each point', () => {
  const node: LayerNode = { op: 'layerNorm', input: 0, name: 'ln', channels: 2, eps: 3 };
  const x = tf.tensor4d([1, 3, 10, 10], [1, 2, 1, 2]);
  const { values } = run(node, x, { 'ln.weight': tf.tensor1d([2, 1]), 'ln.bias': tf.tensor1d([0, 5]) });
  // mean 2 and variance 1, with eps 3: half a unit to either side
  expect(values).toEqual(close(-1, 5.5, 0, 5));
});

test('a scale multiplies each channel', () => {
  const node: LayerNode = { op: 'scale', input: 0, name: 'gamma', shape: [2], initial: 1 };
  expect(run(node, tf.tensor4d([1, 2, 3, 4], [1, 2, 1, 2]), { gamma: tf.tensor1d([2, 3]) }).values).toEqual([2, 6, 6, 12]);
});

test('tokens are the points of an image in order behind the class token, with positions added', () => {
  const node: LayerNode = { op: 'tokens', input: 0, classToken: 'cls', positions: 'pos', tokens: 3, channels: 2 };
  const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 2, 2]);
  const y = run(node, x, { cls: tf.tensor3d([9, 8], [1, 1, 2]), pos: tf.tensor3d([0, 0, 10, 20, 30, 40], [1, 3, 2]) });
  expect(y).toEqual({ shape: [2, 3, 1, 2], values: [9, 8, 11, 22, 33, 44, 9, 8, 15, 26, 37, 48] });
  expect(run({ op: 'classToken', input: 0 }, tf.tensor4d(y.values, y.shape as [number, number, number, number]))).toEqual({
    shape: [2, 2],
    values: [9, 8, 9, 8],
  });
});

test('attention mixes the values of each head by the softmax of its scores over the root of its width', () => {
  // two tokens, two heads of one channel: queries, keys and values of each token one after the other
  const [q, k, v] = [
    [1, 0],
    [2, 5],
    [3, 4],
  ] as const;
  const [q2, k2, v2] = [
    [0, 0],
    [4, 6],
    [7, 9],
  ] as const;
  const x = tf.tensor4d([...q, ...k, ...v, ...q2, ...k2, ...v2], [1, 2, 1, 6]);
  const first = 1 / (1 + Math.exp(1 * 4 - 1 * 2));
  expect(run({ op: 'attention', input: 0, heads: 2 }, x)).toEqual({
    shape: [1, 2, 1, 2],
    values: close(3 * first + 7 * (1 - first), 6.5, 5, 6.5),
  });
  // one head of two channels: the score is the product over the root of two
  const score = (1 * 2 + 0 * 5) / Math.SQRT2;
  const other = (1 * 4 + 0 * 6) / Math.SQRT2;
  const share = Math.exp(score) / (Math.exp(score) + Math.exp(other));
  expect(run({ op: 'attention', input: 0, heads: 1 }, x).values.slice(0, 2)).toEqual(
    close(3 * share + 7 * (1 - share), 4 * share + 9 * (1 - share)),
  );
});
