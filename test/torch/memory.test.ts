/** Slots are given back: nothing grows over ten thousand steps, and what is disposed is gone. */
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';
import { createNetwork } from '../../models/index.ts';
import { sgdMomentum, signStep, softmaxCrossEntropy } from '../../tensor/fused.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testDevice } from './device.ts';

const slots = () => loadBinding(1).binding.memory();
const MB = 1024 * 1024;

describe.skipIf(!findBuilt())('memory on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  test('a tensor takes one slot and its bytes until it is disposed', () => {
    const before = slots();
    const t = tf.zeros([256, 1024]);
    expect(slots()).toEqual({ slots: before.slots + 1, bytes: before.bytes + MB });
    t.dispose();
    expect(slots()).toEqual(before);
  });

  test('10,000 steps of training and attack leave slots, bytes and the size of the process as they were', { timeout: 240_000 }, () => {
    const setup = { inputShape: [8, 8, 1], classes: 3, mean: [0], std: [1] } as const;
    const network = createNetwork('cnn-small', setup, new Rng('memory'));
    const weights = [...network.params.values()];
    const momenta = weights.map((w) => tf.variable(tf.zeros(w.shape), false));
    const x = tf.tensor4d(new Rng('x').uniform(2 * 64), [2, 8, 8, 1]);
    const y = tf.tensor1d([0, 2], 'int32');
    const train = () =>
      tf.tidy(() => {
        const loss = () => softmaxCrossEntropy(network.forward(x, { training: true }).logits, y).mean() as tf.Scalar;
        const { grads } = tf.variableGrads(loss, weights);
        const all = weights.map((w) => grads[w.name] as tf.Tensor);
        sgdMomentum(weights, all, momenta, { lr: 1e-3, momentum: 0.9, weightDecay: 0 });
      });
    const attack = () => {
      const frozen = network.freeze();
      const { loss, logits, grad } = createTarget(frozen, 'memory').gradient(x, crossEntropy(y));
      tf.dispose([loss, logits, signStep(x, grad, x, 0.01, 0.1), grad]);
      frozen.dispose();
    };
    const step = (i: number) => (i % 4 === 0 ? attack() : train());
    for (let i = 0; i < 500; i++) step(i);
    const before = slots();
    const resident = process.memoryUsage().rss;
    for (let i = 0; i < 10_000; i++) step(i);
    expect(slots()).toEqual(before);
    expect(process.memoryUsage().rss - resident).toBeLessThan(64 * MB);
  });
});
