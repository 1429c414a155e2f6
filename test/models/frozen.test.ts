import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import type { Classifier, Linearized } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { largestDifference } from '../golden.ts';
import { FAMILIES, randomNetwork } from './networks.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const images = (n: number, [h, w, c]: readonly [number, number, number]) =>
  tf.tensor4d(new Rng('images').uniform(n * h * w * c), [n, h, w, c]);
const largest = (t: tf.Tensor) => tf.tidy(() => t.abs().max().dataSync()[0] as number);

function linearized(frozen: Classifier, x: tf.Tensor4D): Linearized {
  const lin = frozen.linearize?.(x);
  if (!lin) throw new Error('a frozen network offers linearize');
  return lin;
}

test.each(FAMILIES)(
  '%s frozen gives the logits of evaluation mode to 1e-5 and the input gradient to 1e-4 relative',
  async (name, graph) => {
    const network = await randomNetwork(name, graph());
    const frozen = network.freeze();
    const x = images(2, network.inputShape);
    const dlogits = tf.tensor2d(new Rng('dlogits').normal(20), [2, 10]);

    const want = network.logits(x);
    const lin = linearized(frozen, x);
    if (!lin) throw new Error('a frozen network has linearize');
    const scale = Math.max(1, largest(want));
    expect(largestDifference(frozen.logits(x), want) / scale).toBeLessThan(1e-5);
    expect(largestDifference(lin.logits, want) / scale).toBeLessThan(1e-5);

    const gradient = tf.grad((input) => network.logits(input as tf.Tensor4D))(x, dlogits);
    expect(largest(gradient)).toBeGreaterThan(0);
    expect(largestDifference(lin.pullback(dlogits), gradient) / largest(gradient)).toBeLessThan(1e-4);
  },
);

/** The two that are as wide as published have small ones of their kind beside them. */
const SMALL = FAMILIES.filter(([name]) => name !== 'preact-resnet-18' && name !== 'dm-preact');

test.each(SMALL)('%s frozen in parts: the squared length of its features is that of the tape, with its gradient', async (name, graph) => {
  const network = await randomNetwork(name, graph());
  const frozen = network.freeze('fp32', { features: true });
  const { features } = frozen;
  const x = images(2, network.inputShape);
  const [value, gradient] = tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => {
      const { features } = network.forward(z as tf.Tensor4D, { training: false });
      return features.square().sum();
    })(x);
    return [value, grad];
  }) as [tf.Scalar, tf.Tensor4D];
  const pass = features?.linearize(x) as Linearized;
  expect(pass.logits.shape).toEqual([2, features?.width]);
  expect(largestDifference(pass.logits.square().sum(), value) / largest(value)).toBeLessThan(1e-5);
  expect(largestDifference(pass.pullback(pass.logits.mul(2)), gradient) / largest(gradient)).toBeLessThan(1e-4);
  // and the last layer alone makes the logits of them; whole, the network is the other form's bit for bit
  expect(largestDifference(features?.logits(pass.logits) as tf.Tensor, frozen.logits(x)) / largest(frozen.logits(x))).toBeLessThan(1e-5);
  expect(largestDifference(frozen.logits(x), network.freeze().logits(x))).toBe(0);
});

test('a network that ends in anything but a linear layer has no features to show', async () => {
  const [, graph] = FAMILIES[0] as (typeof FAMILIES)[number];
  const whole = graph();
  const network = await randomNetwork('cut', { ...whole, nodes: whole.nodes.slice(0, -1), output: whole.features });
  expect(() => network.freeze('fp32', { features: true })).toThrow('expected a network that ends in a linear layer');
});

test('a frozen network does not follow later training', async () => {
  const network = await randomNetwork('cnn-small', (FAMILIES[0] as (typeof FAMILIES)[number])[1]());
  const frozen = network.freeze();
  const x = images(2, network.inputShape);
  const before = frozen.logits(x);
  for (const v of network.params.values()) v.assign(tf.zerosLike(v));
  expect(largestDifference(frozen.logits(x), before)).toBe(0);
  expect(largest(network.logits(x))).toBe(0);
});

test('pullbacks may be asked for more than once and add up linearly', async () => {
  const network = await randomNetwork('wide', (FAMILIES[5] as (typeof FAMILIES)[number])[1]());
  const lin = linearized(network.freeze(), images(2, network.inputShape));
  const [a, b] = [tf.tensor2d(new Rng('a').normal(20), [2, 10]), tf.tensor2d(new Rng('b').normal(20), [2, 10])];
  const sum = lin.pullback(a.add(b));
  const parts = lin.pullback(a).add(lin.pullback(b));
  expect(largestDifference(sum, parts) / largest(sum)).toBeLessThan(1e-5);
});

test.each(FAMILIES.filter(([name]) => ['cnn-small', 'resnet-tiny', 'wide', 'pooled'].includes(name)))(
  '%s leaves no tensor behind',
  async (name, graph) => {
    const network = await randomNetwork(name, graph());
    const x = images(1, network.inputShape);
    const dlogits = tf.ones<tf.Rank.R2>([1, 10]);
    const before = tf.memory().numTensors;
    for (const features of [false, true]) {
      const frozen = network.freeze('fp32', { features });
      const lin = linearized(frozen, x);
      tf.dispose([frozen.logits(x), lin.pullback(dlogits), network.logits(x)]);
      lin.dispose();
      frozen.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
    network.dispose();
    tf.dispose([x, dlogits]);
    expect(tf.memory().numTensors).toBeLessThan(before);
  },
);
