import { beforeAll, expect, test } from 'vitest';
import ddn from '../../../../attacks/ddn.ts';
import fmn from '../../../../attacks/fmn.ts';
import sigmaZero from '../../../../attacks/sigma-zero.ts';
import { native, startEngine } from '../../engine.ts';
import { agreement, rerun, wanted } from './minimum-golden.ts';

beforeAll(startEngine);

const images = native ? 64 : 32;
const lengths = native ? [10, 100] : [10];

test.each(['Linf', 'L2', 'L1'].flatMap((norm) => lengths.map((steps) => ({ norm, steps }))))(
  'FMN in $norm, $steps steps: distances are those of the authors to a hundredth',
  async ({ norm, steps }) => {
    expect(agreement(await rerun(fmn, { steps }, `fmn_${norm}_${steps}`, images))).toBeGreaterThanOrEqual(0.95);
  },
);

test.each(lengths.flatMap((steps) => [{ steps }, { steps, levels: 256 }]))(
  'DDN, %o: distances are those of the authors to a hundredth',
  async (params) => {
    const name = `ddn_L2_${params.steps}${'levels' in params ? '_levels' : ''}`;
    expect(agreement(await rerun(ddn, params, name, images))).toBeGreaterThanOrEqual(0.95);
  },
);

test('sigma-zero, 10 steps: distances are those of the authors to a hundredth', async () => {
  expect(agreement(await rerun(sigmaZero, { steps: 10 }, 'sigma_zero_L0_10', images))).toBeGreaterThanOrEqual(0.95);
});

/** Of errors; where none was found there is none. */
const meanOf = (distances: readonly (number | undefined)[]) => {
  const found = distances.flatMap((d) => d ?? []);
  return found.reduce((sum, d) => sum + d, 0) / found.length;
};

// rounding alone moves single images: the authors' own code in float32 agrees with itself in float64 on a third of them
test.runIf(native)('sigma-zero, 100 steps: as near to the authors in float64 as they are in float32, and their mean distance', async () => {
  const single = await rerun(sigmaZero, { steps: 100 }, 'sigma_zero_L0_100', images);
  const double = { got: single.got, want: (await wanted('sigma_zero_L0_100_double', images)).want };
  expect(agreement(double)).toBeGreaterThanOrEqual(agreement({ got: single.want, want: double.want }));
  for (const { want } of [single, double]) expect(Math.abs(meanOf(single.got) / meanOf(want) - 1)).toBeLessThan(0.02);
});
