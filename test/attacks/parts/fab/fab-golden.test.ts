import { beforeAll, expect, test } from 'vitest';
import { native, startEngine } from '../../engine.ts';
import { rerunFab } from './fab-golden.ts';

beforeAll(startEngine);

const images = native ? 64 : 32;
const names = ['fab', 'fab_t2'].flatMap((kind) => ['Linf', 'L2', 'L1'].map((norm) => `${kind}_${norm}_10`));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

async function compare(name: string): Promise<{ near: number; median: number }> {
  const { got, want } = await rerunFab(name, images);
  const near = want.filter((w, i) => Math.abs((got[i] as number) - w) <= 0.01 * w).length / want.length;
  return { near, median: Math.abs(median(got) / median(want) - 1) };
}

test.each(names)('%s: distances are those of the authors to a hundredth, and their median to a two-hundredth', async (name) => {
  const off = await compare(name);
  expect(off.near).toBeGreaterThanOrEqual(0.95);
  expect(off.median).toBeLessThan(0.005);
});

test.skipIf(!native).each(['fab_Linf_100', 'fab_L2_100', 'fab_t2_Linf_100', 'fab_t2_L2_100'])(
  '%s: a hundred steps later as well',
  async (name) => {
    const off = await compare(name);
    expect(off.near).toBeGreaterThanOrEqual(0.95);
    expect(off.median).toBeLessThan(0.005);
  },
);

// L1 steps move one coordinate or another by the last bit. Sixteen runs of the authors' own code, two layouts and every weight off by a
// ten-millionth in the others, meet these distances on 23 to 28 of 31 images, and their medians are up to 1.1 % apart: these are the
// images on which all sixteen do
const STEADY = [0, 4, 5, 14, 15, 16, 18, 22, 26, 28, 29, 31, 35, 37, 38, 45];

test.skipIf(!native)('fab_t2_L1_100: distances are those of the authors wherever rounding does not decide them', async () => {
  const { ids, got, want } = await rerunFab('fab_t2_L1_100', images);
  const off = STEADY.map((id) => ids.indexOf(id)).map((i) => Math.abs((got[i] as number) / (want[i] as number) - 1));
  expect(Math.max(...off)).toBeLessThan(0.01);
});
