/** LOAT by hand: its two phases, its regulariser on two images, and what MOREL hands on to it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { defense } from '../../defenses/index.ts';
import { createLoat } from '../../defenses/loat.ts';
import { answeredRight, fluctuation, pairing } from '../../defenses/parts/logit-regularizer.ts';
import { engine } from '../../engines/index.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { Stepper } from '../../harness/train/step.ts';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { trainingBatch } from '../contract/defense.ts';
import { halves } from '../harness/train/training-data.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

/** Names of what the loss of `epoch`, from 0, consists of. */
async function termsIn(epoch: number, given: Record<string, unknown>, epochs: number): Promise<string[]> {
  const { shape, classNames, mean, std } = halves();
  const network = createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
  const threat = { norm: 'Linf', eps: 0.05 } as const;
  const training = createLoat(defense('loat').params.parse({ steps: 1, ...given }) as never, threat, epochs, (x) => tf.zerosLike(x));
  const stepper = new Stepper({ name: 'loat', network, training, threat, recipe: recipeSchema.parse({}) });
  const { terms } = await stepper.step(trainingBatch(), { epoch, step: 0, progress: 0, learningRate: 0.01 });
  return Object.keys(terms);
}

const MART = ['boosted', 'robust'];
const FLUCTUATIONS = [...MART, 'fluctuationCorrect', 'fluctuationWrong'];

describe('the phases', () => {
  test.each([
    ['the first epoch', 0, {}, FLUCTUATIONS],
    ['an epoch between', 3, {}, MART],
    ['the last epoch of the recipe', 5, {}, FLUCTUATIONS],
    ['the last of a recipe that ends before `last`', 5, { last: 100 }, MART],
    ['an epoch from `last` on', 4, { last: 4 }, FLUCTUATIONS],
    ['an epoch of a longer first phase', 3, { first: 4 }, FLUCTUATIONS],
    ['LORE', 0, { variant: 'LORE' }, [...FLUCTUATIONS, 'pairing']],
  ])('%s', async (_what, epoch, given, want) => {
    expect(await termsIn(epoch, given, 6)).toEqual(want);
  });
});

describe('the regulariser, worked by hand', () => {
  const probs = tf.tensor2d([
    [0.6, 0.3, 0.1],
    [0.2, 0.3, 0.5],
  ]);
  const moved = tf.tensor2d([
    [0.5, 0.4, 0.1],
    [0.2, 0.7, 0.1],
  ]);
  const y = tf.tensor1d([0, 0], 'int32');
  const right = answeredRight(probs, y);
  const wrong = tf.sub(1, right) as tf.Tensor1D;
  const none = tf.zeros([2]) as tf.Tensor1D;
  const value = (t: tf.Scalar) => t.dataSync()[0] as number;

  test('an answer is right where the label is the most probable', () => expect([...right.dataSync()]).toEqual([1, 0]));
  test('mse: squared distances from an even share of the rest', () => {
    // 0.4 over two classes is 0.2 each: 0.1 squared twice; 0.8 over two: 0.1 squared twice
    expect(value(fluctuation(probs, y, right, 'mse', 3))).toBeCloseTo(0.02, 6);
    expect(value(fluctuation(probs, y, wrong, 'mse', 3))).toBeCloseTo(0.02, 6);
    // counted as five classes the even share of the first image is 0.1
    expect(value(fluctuation(probs, y, right, 'mse', 5))).toBeCloseTo(0.04, 6);
  });
  test('log: what the most probable wrong class leaves', () => {
    expect(value(fluctuation(probs, y, right, 'log', 3))).toBeCloseTo(-Math.log(0.7), 6);
    expect(value(fluctuation(probs, y, wrong, 'log', 3))).toBeCloseTo(-Math.log(0.5), 6);
  });
  test('pairing: how far the attack moves the answer', () => {
    expect(value(pairing(probs, moved, right, 'mse'))).toBeCloseTo(0.02, 6);
    expect(value(pairing(probs, moved, wrong, 'log'))).toBeCloseTo(-Math.log(0.6), 6);
  });
  test('nothing where no image is of the kind', () => {
    expect(value(fluctuation(probs, y, none, 'mse', 3))).toBe(0);
    expect(value(pairing(probs, moved, none, 'log'))).toBe(0);
  });
});

describe('MOREL on LOAT', () => {
  const issuesOf = (given: Record<string, unknown>) => defense('morel').params.safeParse(given).error?.issues ?? [];

  test('takes the parameters of its base', () => expect(issuesOf({ base: 'loat', params: { theta: 0.5, classes: 10 } })).toEqual([]));
  test('refuses parameters that the base lacks', () =>
    expect(issuesOf({ base: 'mart', params: { theta: 0.5 } })[0]).toMatchObject({
      path: ['params'],
      message: expect.stringContaining('theta'),
    }));
  test('refuses in `params` what has a place of its own', () =>
    expect(issuesOf({ base: 'loat', params: { beta: 5 } })[0]).toMatchObject({ path: ['params', 'beta'] }));
});
