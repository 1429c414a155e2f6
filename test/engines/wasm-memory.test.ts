import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { sgdMomentum, signStep, softmaxCrossEntropy } from '../../tensor/fused.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

const N = 4;
const SIDE = 8;
beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

function batch(): { x: tf.Tensor4D; y: tf.Tensor1D } {
  const x = tf.tensor4d(new Rng('x').uniform(N * SIDE * SIDE * 3), [N, SIDE, SIDE, 3]);
  return { x, y: tf.tensor1d([0, 1, 2, 3], 'int32') };
}

/** A training step and an attack step on the frozen network. */
function stepper(network: Network): () => void {
  const { x, y } = batch();
  const weights = [...network.params.values()];
  const momenta = weights.map((w) => tf.variable(tf.zeros(w.shape), false));
  return () => {
    tf.tidy(() => {
      const loss = () => softmaxCrossEntropy(network.forward(x, { training: true }).logits, y).mean() as tf.Scalar;
      const { grads } = tf.variableGrads(loss, weights);
      weights.forEach((w, i) => {
        sgdMomentum([w], [grads[w.name] as tf.Tensor], [momenta[i] as tf.Variable], { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 });
      });
    });
    const frozen = network.freeze();
    tf.tidy(() => {
      const forward = frozen.linearize?.(x);
      if (!forward) throw new Error('a frozen network is linear at a point');
      signStep(x, forward.pullback(forward.logits), x, 0.01, 0.03);
      forward.dispose();
    });
    frozen.dispose();
  };
}

const network = () =>
  createNetwork('resnet-tiny', { inputShape: [SIDE, SIDE, 3], classes: 4, mean: [0, 0, 0], std: [1, 1, 1] }, new Rng('w'));
const heapBytes = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;

test('two hundred steps of training and attack leave the tensors and the heap as they were', () => {
  const step = stepper(network());
  for (let i = 0; i < 10; i++) step();
  const before = { tensors: tf.memory().numTensors, data: tf.memory().numDataBuffers, heap: heapBytes() };
  for (let i = 0; i < 200; i++) step();
  expect({ tensors: tf.memory().numTensors, data: tf.memory().numDataBuffers, heap: heapBytes() }).toEqual(before);
});

test('the same steps give the same bits', () => {
  const runs = [network(), network()].map((n) => {
    const step = stepper(n);
    for (let i = 0; i < 5; i++) step();
    return [...n.params.values(), ...n.buffers.values()].map((v) => Buffer.from(v.dataSync().slice().buffer).toString('hex')).join();
  });
  expect(runs[0]).toBe(runs[1]);
});
