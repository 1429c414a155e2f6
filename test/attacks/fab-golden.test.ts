import { beforeAll, expect, test } from 'vitest';
import { native, startEngine } from './engine.ts';
import { rerunFab } from './fab-golden.ts';

beforeAll(startEngine);

const images = native ? 64 : 32;
const names = ['fab', 'fab_t2'].flatMap((kind) => ['Linf', 'L2', 'L1'].map((norm) => `${kind}_${norm}_10`));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

test.each(names)('%s: distances are those of the authors to 1 %%, and their median to 0.5 %%', async (name) => {
  const { got, want } = await rerunFab(name, images);
  const near = want.filter((w, i) => Math.abs((got[i] as number) - w) <= 0.01 * w).length;
  expect(near).toBeGreaterThanOrEqual(0.95 * want.length);
  expect(Math.abs(median(got) / median(want) - 1)).toBeLessThan(0.005);
});
