import { beforeAll, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('clean logits are those of PyTorch to 1e-4', () => {
  const network = goldenNetwork();
  const { x } = goldenBatch(16);
  const want = goldenTensor('attacks', 'clean_logits').slice([0, 0], [16, 10]);
  expect(largestDifference(network.logits(x), want)).toBeLessThan(1e-4);
  expect(largestDifference(network.freeze().logits(x), want)).toBeLessThan(1e-4);
});

test('the input gradient of the cross-entropy is that of PyTorch to 1e-3 relative', () => {
  const network = goldenNetwork();
  const { x, y } = goldenBatch(16);
  const want = goldenTensor('attacks', 'ce_grad');
  const scale = want.abs().max().dataSync()[0] as number;
  for (const classifier of [network, network.freeze()]) {
    const { grad } = createTarget(classifier, 'reference').gradient(x, crossEntropy(y));
    expect(largestDifference(grad, want) / scale).toBeLessThan(1e-3);
  }
});
