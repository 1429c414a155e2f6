import { describe, expect, test } from 'vitest';
import { learningRateAt, recipeSchema } from '../../../harness/suite/recipe.ts';

const rates = (schedule: unknown, total: number, learningRate = 1) => {
  const recipe = recipeSchema.parse({ schedule, learningRate });
  return Array.from({ length: total }, (_, step) => Number(learningRateAt(recipe, step, total).toFixed(6)));
};

describe('learning rates', () => {
  test('constant', () => expect(rates({ kind: 'constant' }, 3, 0.2)).toEqual([0.2, 0.2, 0.2]));

  test('piecewise drops at fractions of the training', () =>
    expect(rates({ kind: 'piecewise', milestones: [0.5, 0.75], factor: 0.1 }, 8)).toEqual([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]));

  // torch.optim.lr_scheduler.MultiStepLR(milestones=[2, 3], gamma=0.1), stepped after each of four epochs of two steps
  test('step drops after whole epochs, whatever fraction of the training they are', () => {
    const recipe = recipeSchema.parse({ epochs: 4, learningRate: 1, schedule: { kind: 'step', milestones: [2, 3] } });
    const rate = (total: number) => Array.from({ length: total }, (_, i) => Number(learningRateAt(recipe, i, total).toFixed(6)));
    expect(rate(8)).toEqual([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]);
    expect(rate(12)).toEqual([1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]);
  });

  test('a milestone at the end or beyond it is never reached', () => {
    const recipe = recipeSchema.parse({ epochs: 2, learningRate: 1, schedule: { kind: 'step', milestones: [2, 75] } });
    expect([0, 3].map((i) => learningRateAt(recipe, i, 4))).toEqual([1, 1]);
  });

  test('cosine falls as half a wave, after a linear warm-up', () => {
    expect(rates({ kind: 'cosine' }, 4)).toEqual([1, 0.853553, 0.5, 0.146447]);
    expect(rates({ kind: 'cosine', warmup: 0.5 }, 4)).toEqual([0.5, 1, 1, 0.5]);
  });

  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10, pct_start=0.3)
  test('one-cycle with cosines is that of PyTorch', () =>
    expect(rates({ kind: 'one-cycle', warmup: 0.3, anneal: 'cosine' }, 10)).toEqual([
      0.04, 0.52, 1, 0.950485, 0.811746, 0.611262, 0.388742, 0.188258, 0.049519, 0.000004,
    ]));

  // the same with anneal_strategy='linear'
  test('one-cycle with lines is that of PyTorch', () =>
    expect(rates({ kind: 'one-cycle', warmup: 0.3, anneal: 'linear' }, 10)).toEqual([
      0.04, 0.52, 1, 0.857143, 0.714287, 0.57143, 0.428574, 0.285717, 0.142861, 0.000004,
    ]));

  test('a sequence runs each part in full', () => {
    const parts = [
      { until: 0.5, schedule: { kind: 'constant' } },
      { until: 1, schedule: { kind: 'cosine' } },
    ];
    expect(rates({ kind: 'sequence', parts }, 4)).toEqual([1, 1, 1, 0.5]);
  });
});

describe('a recipe is refused', () => {
  const message = (recipe: unknown) =>
    recipeSchema
      .safeParse(recipe)
      .error?.issues.map((i) => `${i.path.join('.')}: ${i.message}`)
      .join('\n');

  test('with a key that it does not have', () => expect(message({ learningrate: 0.1 })).toMatch(/learningrate/));
  test('with a sequence that does not end at 1', () =>
    expect(message({ schedule: { kind: 'sequence', parts: [{ until: 0.5, schedule: { kind: 'constant' } }] } })).toMatch(
      /schedule\.parts: expected the last `until` to be 1/,
    ));
  test('with fractions that do not grow', () => {
    const parts = [0.5, 0.5, 1].map((until) => ({ until, schedule: { kind: 'constant' } }));
    expect(message({ schedule: { kind: 'sequence', parts } })).toMatch(/expected growing fractions/);
  });
  test('with a batch of one, which has no batch statistics', () => expect(message({ batchSize: 1 })).toMatch(/batchSize/));
});
