import { beforeAll, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { engineContract } from '../contract/engine.ts';
import { goldenBatch, goldenNetwork, largestDifference } from '../golden.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

engineContract('wasm', { images: 64, logits: 1e-5, gradient: 1e-4 });

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
