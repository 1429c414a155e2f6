/** The engine gives PyTorch's logits, gradients and training steps. Skipped, with a line, where it is not built. */
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { goldenBatch, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';

describe.skipIf(!findBuilt())('the torch engine', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: 'cpu' });
  });

  test('clean logits are those of PyTorch to 1e-4, plain and frozen', () => {
    const network = goldenNetwork();
    const { x } = goldenBatch(64);
    const want = goldenTensor('attacks', 'clean_logits');
    expect(largestDifference(network.logits(x), want)).toBeLessThan(1e-4);
    expect(largestDifference(network.freeze().logits(x), want)).toBeLessThan(1e-4);
  });

  test('the input gradient of the cross-entropy is that of PyTorch to 1e-4 relative', () => {
    const network = goldenNetwork();
    const { x, y } = goldenBatch(16);
    const want = goldenTensor('attacks', 'ce_grad');
    const scale = want.abs().max().dataSync()[0] as number;
    for (const classifier of [network, network.freeze()]) {
      const { grad } = createTarget(classifier, 'reference').gradient(x, crossEntropy(y));
      expect(largestDifference(grad, want) / scale).toBeLessThan(1e-4);
    }
  });
});
