/** The compiled frozen network against the same network op by op, and its memory. */
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { createNetwork } from '../../models/index.ts';
import { Network } from '../../models/network.ts';
import { resnetGraph } from '../../models/resnet.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork, largestDifference } from '../golden.ts';
import { testDevice } from './device.ts';

/** The L2 norm of the difference over that of `want`: single ReLUs at zero, where rounding decides, weigh as little as they do. */
function relativeDifference(got: tf.Tensor, want: tf.Tensor): number {
  return tf.tidy(() => got.sub(want).norm().div(want.norm()).dataSync()[0] as number);
}

describe.skipIf(!findBuilt())('a frozen network on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  test.each([64, 16, 5, 1])('on %i images: logits to 1e-5, input gradient to 1e-4', (n) => {
    const network = goldenNetwork();
    const { x } = goldenBatch(n);
    const dlogits = tf.randomNormal([n, 10], 0, 1, 'float32', 7) as tf.Tensor2D;
    const frozen = network.freeze();
    const linear = frozen.linearize?.(x);
    const want = network.logits(x);
    const wantGrad = tf.grad((z: tf.Tensor) => network.logits(z as tf.Tensor4D))(x, dlogits);
    expect(relativeDifference(frozen.logits(x), want)).toBeLessThan(1e-5);
    expect(relativeDifference(linear?.logits as tf.Tensor, want)).toBeLessThan(1e-5);
    expect(relativeDifference(linear?.pullback(dlogits) as tf.Tensor, wantGrad)).toBeLessThan(1e-4);
  });

  test.each(['cnn-small', 'preact-resnet-18', 'resnet-50'])('%s: logits and input gradient are those of the tape', (arch) => {
    const setup = { inputShape: [16, 16, 3], classes: 10, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const network = createNetwork(arch, setup, new Rng(arch));
    const x = tf.tensor4d(new Rng('x').uniform(4 * 16 * 16 * 3), [4, 16, 16, 3]);
    const dlogits = tf.tensor2d(new Rng('dlogits').normal(40), [4, 10]);
    const linear = network.freeze().linearize?.(x);
    const wantGrad = tf.grad((z: tf.Tensor) => network.logits(z as tf.Tensor4D))(x, dlogits);
    expect(relativeDifference(linear?.logits as tf.Tensor, network.logits(x))).toBeLessThan(1e-5);
    expect(relativeDifference(linear?.pullback(dlogits) as tf.Tensor, wantGrad)).toBeLessThan(1e-4);
  });

  test.each(['fp32', 'bf16'] as const)('a pool with a margin, as the stem of ImageNet has it, in %s', (precision) => {
    const setup = { inputShape: [20, 18, 3], classes: 10, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const network = new Network('stem', resnetGraph([1, 1, 1, 1], 'basic', { stem: 'imagenet', widen: 1 }, setup), new Rng('stem'));
    // below zero before the pool: a margin of zeros would win
    network.params.get('bn1.bias')?.assign(tf.fill([64], -0.01));
    const x = tf.tensor4d(new Rng('x').uniform(5 * 20 * 18 * 3), [5, 20, 18, 3]);
    const dlogits = tf.tensor2d(new Rng('dlogits').normal(50), [5, 10]);
    const linear = network.freeze(precision).linearize?.(x);
    const wantGrad = tf.grad((z: tf.Tensor) => network.logits(z as tf.Tensor4D))(x, dlogits);
    const [ofLogits, ofGradient] = precision === 'fp32' ? [1e-5, 1e-4] : [2 ** -6, 0.2];
    expect(relativeDifference(linear?.logits as tf.Tensor, network.logits(x))).toBeLessThan(ofLogits);
    expect(relativeDifference(linear?.pullback(dlogits) as tf.Tensor, wantGrad)).toBeLessThan(ofGradient);
  });

  test.each([64, 40, 33])('%i images: the logits, which are made a few images at a time, are bit for bit those of the whole batch', (n) => {
    const { x } = goldenBatch(n);
    const frozen = goldenNetwork().freeze();
    expect(largestDifference(frozen.logits(x), frozen.linearize?.(x).logits as tf.Tensor)).toBe(0);
  });

  test('two pullbacks of one forward pass are two products with the same Jacobian', () => {
    const { x } = goldenBatch(4);
    const linear = goldenNetwork().freeze().linearize?.(x);
    const a = tf.oneHot(tf.tensor1d([0, 1, 2, 3], 'int32'), 10).cast('float32') as tf.Tensor2D;
    const once = linear?.pullback(a) as tf.Tensor;
    const twice = linear?.pullback(a.mul(2) as tf.Tensor2D) as tf.Tensor;
    expect(largestDifference(twice, once.mul(2))).toBeLessThan(1e-6);
  });
});
