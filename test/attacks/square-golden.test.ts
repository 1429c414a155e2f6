import { beforeAll, expect, test } from 'vitest';
import { compareSquare } from '../../bench/golden-square.ts';
import { native, startEngine } from './engine.ts';

beforeAll(startEngine);

// all seeds and numbers of queries: `npm run golden:square`
test.each(['square_Linf_50', 'square_L2_50', 'square_L1_50'])('%s: mean images left within 1 of the reference', async (entry) => {
  const { mean, wanted } = await compareSquare(entry, native ? 10 : 4);
  expect(Math.abs(mean - wanted)).toBeLessThanOrEqual(1);
});

test.runIf(native)('square_Linf_200: mean images left within 1 of the reference', async () => {
  const { mean, wanted } = await compareSquare('square_Linf_200', 4);
  expect(Math.abs(mean - wanted)).toBeLessThanOrEqual(1);
});
