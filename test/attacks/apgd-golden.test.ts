import { beforeAll, describe, expect, test } from 'vitest';
import { goldenTensor } from '../golden.ts';
import { goldenRun, rerun } from './apgd-golden.ts';
import { startEngine } from './engine.ts';

beforeAll(startEngine);

const runs = ['ce', 'dlr', 't'].flatMap((loss) =>
  ['Linf', 'L2'].flatMap((norm) => (loss === 't' ? [`apgd_t_${norm}_10_rank2`, `apgd_t_${norm}_10_rank5`] : [`apgd_${loss}_${norm}_10`])),
);

describe.each(runs)('%s', (name) => {
  test('best points, best losses and robust mask are those of the authors', async () => {
    const golden = goldenRun(name);
    const { best, bestLoss, robust } = await rerun(name, 16);
    const want = goldenTensor(`apgd-${golden.norm.toLowerCase()}`, `${name}_xbest`);
    const near = best.sub(want).abs().lessEqual(1e-4).cast('float32').mean().dataSync()[0];
    expect(near).toBeGreaterThanOrEqual(0.99);
    golden.loss_best.slice(0, 16).forEach((loss, i) => {
      // relative where the loss is large: the ratio explodes where two logits nearly tie
      expect(Math.abs((bestLoss[i] as number) - loss) / Math.max(1, Math.abs(loss))).toBeLessThan(1e-3);
    });
    expect(robust.map(Number)).toEqual(golden.robust.slice(0, 16));
  });
});

// a hundred sign steps amplify rounding: masks and medians are compared, not points
describe.each(['apgd_ce_Linf_100', 'apgd_ce_L1_100'])('%s', (name) => {
  test('robust mask and median best loss are those of the authors', async () => {
    const n = 16;
    const golden = goldenRun(name);
    const { bestLoss, robust } = await rerun(name, n);
    expect(robust.filter((r, i) => Number(r) !== golden.robust[i]).length).toBeLessThanOrEqual(1);
    const median = (values: ArrayLike<number>) => {
      const sorted = Array.from(values).sort((a, b) => a - b);
      return ((sorted[n / 2 - 1] as number) + (sorted[n / 2] as number)) / 2;
    };
    const want = median(golden.loss_best.slice(0, n));
    expect(median(bestLoss)).toBeGreaterThan(want - 0.01 * Math.abs(want));
  });
});
