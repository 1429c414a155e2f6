import { beforeAll, expect, test } from 'vitest';
import type { Loss } from '../../../attacks/attack.ts';
import { averagedTarget } from '../../../attacks/parts/expectation.ts';
import { createTarget } from '../../../attacks/target.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Logits `[x, k x]` on the k-th draw, k from 1: the mean over draws is known. The last part of a generator's key counts the draws before it. */
function drawing(): Classifier {
  const factor = (draws: readonly Rng[] = []) => 1 + Number(draws[0]?.key.split('/').at(-1));
  const logits = (x: tf.Tensor4D, draws?: readonly Rng[]) =>
    tf.tidy(() => tf.concat([x.reshape([-1, 1]), x.reshape([-1, 1]).mul(factor(draws))], 1) as tf.Tensor2D);
  return {
    classes: 2,
    inputShape: [1, 1, 1],
    randomized: true,
    logits,
    linearize(x, draws) {
      const value = logits(x, draws);
      const slope = factor(draws);
      const pullback = (d: tf.Tensor2D) =>
        tf.tidy(
          () =>
            d
              .mul(tf.tensor2d([1, slope], [1, 2]))
              .sum(1)
              .reshape([-1, 1, 1, 1]) as tf.Tensor4D,
        );
      return { logits: value, pullback, dispose: () => value.dispose() };
    },
    dispose() {},
  };
}

test('logits, loss and gradient are means over the draws, and every pass counts', () => {
  const target = createTarget(drawing(), 'random', { rng: new Rng('cell'), ids: [0] });
  const averaged = averagedTarget(target, 3);
  const x = tf.tensor4d([2], [1, 1, 1, 1]);
  const second: Loss = (z) => z.slice([0, 1], [-1, 1]).flatten() as tf.Tensor1D;
  const { loss, grad } = averaged.gradient(x, second);
  // slopes 1, 2, 3
  expect([loss.dataSync()[0], grad.dataSync()[0]]).toEqual([4, 2]);
  // slopes 4, 5, 6
  expect(Array.from(averaged.logits(x).dataSync())).toEqual([2, 10]);
  expect(target.passes).toEqual({ forward: 6, backward: 3 });
});

test('one draw is the target itself', () => {
  const target = createTarget(drawing(), 'random', { rng: new Rng('cell'), ids: [0] });
  expect(averagedTarget(target, 1)).toBe(target);
});

test('a decision is that of the mean, not of the first draw', async () => {
  const draws = { rng: new Rng('decisions'), ids: Int32Array.of(0) };
  const target = createTarget(drawing(), 'drawing', draws);
  const x = tf.tensor4d([0.5], [1, 1, 1, 1]);
  const [first, mean] = [createTarget(drawing(), 'drawing', draws).decisions(x), averagedTarget(target, 2).decisions(x)];
  // on the first draw both logits are equal, and the first of equals is taken
  expect([...(await first.data()), ...(await mean.data())]).toEqual([0, 1]);
  expect(target.passes.forward).toBe(2);
  tf.dispose([x, first, mean]);
});
