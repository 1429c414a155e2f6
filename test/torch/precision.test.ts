/** Frozen networks in bfloat16 beside those in float32, and precisions that are refused. */
import { beforeAll, describe, expect, test } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork, largestDifference } from '../golden.ts';
import { testDevice } from './device.ts';

const setup = { inputShape: [16, 16, 3], classes: 10, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

/** The L2 norm of the difference over that of `want`. */
function relativeDifference(got: tf.Tensor, want: tf.Tensor): number {
  return tf.tidy(() => got.sub(want).norm().div(want.norm()).dataSync()[0] as number);
}

/** bfloat16 rounds to 2^-9 of a number; that a layer adds to what those before it made wrong is what the factors below allow. */
const ROUNDING = 2 ** -9;

describe.skipIf(!findBuilt())('bf16 on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice, precision: 'bf16' });
  });

  test.each([40, 16, 3])('%i images: float32 logits and gradients a few roundings from those of float32', (n) => {
    const { x } = goldenBatch(n);
    const dlogits = tf.randomNormal([n, 10], 0, 1, 'float32', 7) as tf.Tensor2D;
    const network = goldenNetwork();
    const [exact, low] = [network.freeze(), network.freeze('bf16')].map((c) => c.linearize?.(x));
    const apart = relativeDifference(low?.logits as tf.Tensor, exact?.logits as tf.Tensor);
    expect(low?.logits.dtype).toBe('float32');
    expect(apart).toBeLessThan(8 * ROUNDING);
    expect(apart).toBeGreaterThan(ROUNDING / 8); // it is not float32 by another name
    const gradients = [low, exact].map((l) => l?.pullback(dlogits) as tf.Tensor) as [tf.Tensor, tf.Tensor];
    expect(gradients[0].dtype).toBe('float32');
    expect(relativeDifference(...gradients)).toBeLessThan(32 * ROUNDING);
    expect(largestDifference(network.freeze('bf16').logits(x), low?.logits as tf.Tensor)).toBe(0);
  });

  test('an image has the same logits whatever is beside it', () => {
    const { x } = goldenBatch(40);
    const frozen = goldenNetwork().freeze('bf16');
    const few = frozen.logits(x.slice([7, 0, 0, 0], [5, -1, -1, -1]));
    // cuDNN has other kernels for other batches
    expect(largestDifference(few, frozen.logits(x).slice([7, 0], [5, -1]))).toBeLessThan(testDevice === 'cpu' ? 1e-5 : ROUNDING);
  });

  test.each(['cnn-small', 'preact-resnet-18'])('%s: pools, flattening and normalisations that stand alone', (arch) => {
    const network = createNetwork(arch, setup, new Rng(arch));
    const x = tf.tensor4d(new Rng('x').uniform(4 * 16 * 16 * 3), [4, 16, 16, 3]);
    const dlogits = tf.tensor2d(new Rng('dlogits').normal(40), [4, 10]);
    const [exact, low] = [network.freeze(), network.freeze('bf16')].map((c) => c.linearize?.(x));
    expect(relativeDifference(low?.logits as tf.Tensor, exact?.logits as tf.Tensor)).toBeLessThan(8 * ROUNDING);
    const gradients = [low, exact].map((l) => l?.pullback(dlogits) as tf.Tensor) as [tf.Tensor, tf.Tensor];
    // a ReLU or a maximum that rounding turns is another path for its gradient
    expect(relativeDifference(...gradients)).toBeLessThan(0.2);
  });

  test('a network with other layers is refused, and nothing of it is left behind', () => {
    const network = createNetwork('vit', setup, new Rng('vit'));
    const { numTensors } = tf.memory();
    expect(() => network.freeze('bf16')).toThrow(
      /torch has no bf16 for this network, which is not of convolutions alone; use precision: fp32/,
    );
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

test.skipIf(!findBuilt())('tf32 is refused on a CPU, and bf16 by an engine that has it not', async () => {
  const tf32 = chooseEngine('torch:cpu', { threads: 1, precision: 'tf32' });
  await expect(tf32).rejects.toThrow('[engine torch] has no precision tf32 on cpu; it has fp32, bf16; tf32 is of NVIDIA GPUs');
  await expect(chooseEngine('cpu', { threads: 1, precision: 'bf16' })).rejects.toThrow(
    '[engine cpu] has no precision bf16 on cpu; it has fp32',
  );
  const { info } = await chooseEngine('torch:cpu', { threads: 1, precision: 'bf16' });
  expect(info).toMatchObject({ name: 'torch', precision: 'bf16', details: { precision: 'bf16 of fp32, bf16' } });
});
