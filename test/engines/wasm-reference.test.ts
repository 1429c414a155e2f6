import { beforeAll, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { goldenBatch, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

test('on wasm the clean logits are those of PyTorch to 1e-5, frozen or not', () => {
  const network = goldenNetwork();
  const { x } = goldenBatch();
  const want = goldenTensor('attacks', 'clean_logits');
  expect(largestDifference(network.logits(x), want)).toBeLessThan(1e-5);
  expect(largestDifference(network.freeze().logits(x), want)).toBeLessThan(1e-5);
});

test('on wasm the input gradient of the cross-entropy is that of PyTorch to 1e-4 relative, frozen or not', () => {
  const network = goldenNetwork();
  const { x, y } = goldenBatch(16);
  const want = goldenTensor('attacks', 'ce_grad');
  const scale = want.abs().max().dataSync()[0] as number;
  for (const classifier of [network, network.freeze()]) {
    const { grad } = createTarget(classifier, 'reference').gradient(x, crossEntropy(y));
    expect(largestDifference(grad, want) / scale).toBeLessThan(1e-4);
  }
});

test('the logits and the input gradient of an image have the same bits in whatever batch it comes', () => {
  const frozen = goldenNetwork().freeze();
  const { x, y } = goldenBatch(13);
  const target = createTarget(frozen, 'reference');
  const whole = target.gradient(x, crossEntropy(y));
  for (const [from, count] of [
    [0, 1],
    [3, 7],
    [12, 1],
  ] as const) {
    const part = target.gradient(x.slice([from, 0, 0, 0], [count, -1, -1, -1]), crossEntropy(y.slice([from], [count])));
    expect(largestDifference(part.logits, whole.logits.slice([from, 0], [count, -1]))).toBe(0);
    expect(largestDifference(part.grad, whole.grad.slice([from, 0, 0, 0], [count, -1, -1, -1]))).toBe(0);
  }
});
