import { beforeAll, describe, expect, test } from 'vitest';
import { goldenTensor } from '../../../golden.ts';
import { native, startEngine } from '../../engine.ts';
import { goldenRun, rerun } from './apgd-golden.ts';

beforeAll(startEngine);

const runs = ['ce', 'dlr', 't'].flatMap((loss) =>
  ['Linf', 'L2'].flatMap((norm) => (loss === 't' ? [`apgd_t_${norm}_10_rank2`, `apgd_t_${norm}_10_rank5`] : [`apgd_${loss}_${norm}_10`])),
);

const images = native ? 64 : 16;
/** So many best points are in `test/golden`. */
const points = 16;

describe.each(runs)('%s', (name) => {
  test('best points, best losses and robust mask are those of the authors', async () => {
    const golden = goldenRun(name);
    const { best, bestLoss, robust } = await rerun(name, images);
    const want = goldenTensor(`apgd-${golden.norm.toLowerCase()}`, `${name}_xbest`);
    const near = best.slice(0, points).sub(want).abs().lessEqual(1e-4).cast('float32').mean().dataSync()[0];
    expect(near).toBeGreaterThanOrEqual(0.99);
    golden.loss_best.slice(0, images).forEach((loss, i) => {
      // relative where the loss is large: the ratio explodes where two logits nearly tie
      expect(Math.abs((bestLoss[i] as number) - loss) / Math.max(1, Math.abs(loss))).toBeLessThan(1e-3);
    });
    expect(robust.map(Number)).toEqual(golden.robust.slice(0, images));
  });
});

const kinds = ['ce_Linf_100', 'ce_L1_100'];
if (native)
  kinds.push('dlr_Linf_100', 't_Linf_100_rank2', 't_Linf_100_rank5', 'ce_L2_100', 'dlr_L2_100', 't_L2_100_rank2', 't_L2_100_rank5');

// a hundred sign steps amplify rounding: masks and medians are compared, not points
test.each(kinds)('apgd_%s: robust mask and median best loss are those of the authors', async (kind) => {
  const golden = goldenRun(`apgd_${kind}`);
  const { bestLoss, robust } = await rerun(`apgd_${kind}`, images);
  expect(robust.filter((r, i) => Number(r) !== golden.robust[i]).length).toBeLessThanOrEqual(1);
  const median = (values: ArrayLike<number>) => {
    const sorted = Array.from(values).sort((a, b) => a - b);
    return ((sorted[images / 2 - 1] as number) + (sorted[images / 2] as number)) / 2;
  };
  const want = median(golden.loss_best.slice(0, images));
  // a median of 0 is two logits that tie at best
  expect(median(bestLoss)).toBeGreaterThan(want - 0.01 * Math.max(Math.abs(want), 0.01));
});
