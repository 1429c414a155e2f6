import { beforeAll, expect, test } from 'vitest';
import { GraphBuilder } from '../../models/graph/graph.ts';
import { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Batch normalisation of a 1x2 image with one channel, then a linear layer on the flattened image. */
function normalised(): Network {
  const g = new GraphBuilder();
  const graph = g.finish(g.flatten(g.bn(0, 'bn', 1)), 'linear', 2, { inputShape: [1, 2, 1], classes: 2 });
  const network = new Network('bn', graph, new Rng('bn'));
  network.load(
    new Map([
      ['bn.weight', { shape: [1], data: Float32Array.of(2) }],
      ['bn.bias', { shape: [1], data: Float32Array.of(0.5) }],
      ['bn.running_mean', { shape: [1], data: Float32Array.of(1) }],
      ['bn.running_var', { shape: [1], data: Float32Array.of(4) }],
      ['linear.weight', { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) }],
      ['linear.bias', { shape: [2], data: Float32Array.of(0, 0) }],
    ]),
    'by hand',
  );
  return network;
}

test('one value per channel has no variance: training on it is refused, as PyTorch does', () => {
  const g = new GraphBuilder();
  const graph = g.finish(g.flatten(g.bn(0, 'bn', 1)), 'linear', 1, { inputShape: [1, 1, 1], classes: 2 });
  const network = new Network('tiny', graph, new Rng('bn'));
  expect([network.smallestBatch, normalised().smallestBatch]).toEqual([2, 1]);
  expect(() => tf.tidy(() => network.forward(tf.ones([1, 1, 1, 1]), { training: true }))).toThrow(
    '[network tiny] bn expected more than 1 value per channel in training, got 1; train on batches of two images or more',
  );
  tf.tidy(() => network.forward(tf.tensor4d([1, 3], [2, 1, 1, 1]), { training: true }));
  // unbiased variance of 1 and 3 is 2
  expect(buffer(network, 'bn.running_var')).toBeCloseTo(0.9 + 0.1 * 2, 6);
});

// values 1, 2, 3, 6: mean 3, biased variance 14/4, unbiased 14/3
const x = () => tf.tensor4d([1, 2, 3, 6], [2, 1, 2, 1]);
const buffer = (network: Network, name: string) => network.buffers.get(name)?.dataSync()[0];

test('a forward pass in training moves the running mean and the unbiased running variance by a tenth', () => {
  const network = normalised();
  tf.tidy(() => network.forward(x(), { training: true }));
  expect(buffer(network, 'bn.running_mean')).toBeCloseTo(0.9 * 1 + 0.1 * 3, 6);
  expect(buffer(network, 'bn.running_var')).toBeCloseTo(0.9 * 4 + (0.1 * 14) / 3, 6);
});

test('training normalises with the biased variance of the batch', () => {
  const network = normalised();
  const got = tf.tidy(() => network.forward(x(), { training: true }).logits).dataSync();
  const want = [1, 2, 3, 6].map((v) => (2 * (v - 3)) / Math.sqrt(3.5 + 1e-5) + 0.5);
  for (const [i, v] of want.entries()) expect(got[i]).toBeCloseTo(v, 5);
});

test('evaluation normalises with the running statistics and leaves them alone', () => {
  const network = normalised();
  const got = network.logits(x()).dataSync();
  const want = [1, 2, 3, 6].map((v) => (2 * (v - 1)) / Math.sqrt(4 + 1e-5) + 0.5);
  for (const [i, v] of want.entries()) expect(got[i]).toBeCloseTo(v, 5);
  expect(buffer(network, 'bn.running_mean')).toBe(1);
  expect(buffer(network, 'bn.running_var')).toBe(4);
});

test('two passes move the statistics twice, in order', () => {
  const network = normalised();
  tf.tidy(() => network.forward(x(), { training: true }));
  tf.tidy(() => network.forward(tf.zerosLike(x()) as tf.Tensor4D, { training: true }));
  expect(buffer(network, 'bn.running_mean')).toBeCloseTo(0.9 * 1.2, 6);
  expect(buffer(network, 'bn.running_var')).toBeCloseTo(0.9 * (3.6 + 1.4 / 3), 6);
});

test('a gradient step with two forward passes inside moves the statistics twice, not once more for the backward pass', () => {
  const network = normalised();
  const loss = () => {
    const a = network.forward(x(), { training: true }).logits.sum();
    return a.add(network.forward(x(), { training: true }).logits.sum()) as tf.Scalar;
  };
  tf.dispose(tf.variableGrads(loss, [...network.params.values()]).grads);
  expect(buffer(network, 'bn.running_mean')).toBeCloseTo(0.9 * (0.9 + 0.3) + 0.3, 6);
});
