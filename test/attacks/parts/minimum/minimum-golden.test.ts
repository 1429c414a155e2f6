import { beforeAll, expect, test } from 'vitest';
import ddn from '../../../../attacks/ddn.ts';
import fmn from '../../../../attacks/fmn.ts';
import { native, startEngine } from '../../engine.ts';
import { agreement, rerun } from './minimum-golden.ts';

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
