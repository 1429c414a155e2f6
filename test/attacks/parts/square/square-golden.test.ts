import { beforeAll, expect, test } from 'vitest';
import { compareSquare } from '../../../../bench/golden-square.ts';
import { native, startEngine } from '../../engine.ts';

beforeAll(startEngine);

// 50 queries only, to be quick; all numbers of queries: `npm run golden:square`
const ENTRIES = [
  { entry: 'square_Linf_50', seeds: 10 },
  { entry: 'square_L2_50', seeds: native ? 10 : 4 },
  { entry: 'square_L1_50', seeds: 10 },
];

test.each(ENTRIES)(
  '$entry over $seeds seeds: mean images left within 1 of the reference',
  async ({ entry, seeds }) => {
    const { mean, wanted } = await compareSquare(entry, seeds);
    expect(Math.abs(mean - wanted)).toBeLessThanOrEqual(1);
  },
  // a minute of an idle core on wasm; a core that others use too, at low priority, has taken over three
  600_000,
);
