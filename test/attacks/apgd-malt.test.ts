import { beforeAll, expect, test } from 'vitest';
import apgdMalt from '../../attacks/apgd-malt.ts';
import apgdPm from '../../attacks/apgd-pm.ts';
import { Gains } from '../../attacks/parts/apgd/certain.ts';
import { probabilityMargin } from '../../attacks/parts/losses.ts';
import { nearestClasses } from '../../attacks/parts/search/nearest-classes.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { linearClassifier, randomLinear } from '../contract/linear.ts';

testAttack(apgdMalt, { iterations: 8, targets: 3 }, { fewestClasses: 4 });
testAttack(apgdPm, { iterations: 8, restarts: 2 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const run = (batchSize = 2) => ({ rng: new Rng('run'), signal: new AbortController().signal, batchSize, sources: new Map() });

test('targets are ranked by the gap over the dual norm of its gradient, in the norm of the threat, among the candidates', async () => {
  // from class 0: gaps 1, 2, 0.9; differences of weights (4, 0), (3, 3), (0, 1)
  const classifier = linearClassifier([1, 1, 2], 4, Float32Array.of(0, 4, 3, 0, 0, 0, 3, 1), Float32Array.of(0, -1, -2, -0.9));
  const x = tf.zeros<tf.Rank.R4>([3, 1, 1, 2]);
  const batch = { x, y: tf.zeros<tf.Rank.R1>([3], 'int32'), labels: new Int32Array(3), ids: Int32Array.of(0, 1, 2) };
  const order = async (norm: 'Linf' | 'L2', candidates: number) => {
    const target = createTarget(classifier, 'linear');
    const ranks = await nearestClasses(batch, target, { norm, eps: 0.1 }, run(), candidates);
    expect(target.passes).toEqual({ forward: 3, backward: 3 * candidates });
    const attempts = [2, 0].map((row) => ({ row, nth: 0 }));
    for (let rank = 0; rank < candidates; rank++)
      expect(Array.from(ranks.tensor(attempts, () => rank).dataSync())).toEqual([ranks.at(0, rank), ranks.at(0, rank)]);
    return Array.from({ length: candidates }, (_, rank) => ranks.at(1, rank));
  };
  // distances 1/4, 2/6, 0.9 in Linf and 1/4, 2/4.24, 0.9 in L2
  expect(await order('Linf', 3)).toEqual([1, 2, 3]);
  expect(await order('L2', 3)).toEqual([1, 2, 3]);
  // the largest logits are those of 3 and 1
  expect(await order('Linf', 2)).toEqual([1, 3]);
});

test('the norm of the threat decides between directions', async () => {
  // gaps 1 and 1; differences of weights (3, 0) and (2, 2): in Linf the dual norms are 3 and 4, in L2 3 and 2.8
  const classifier = linearClassifier([1, 1, 2], 3, Float32Array.of(0, 3, 2, 0, 0, 2), Float32Array.of(0, -1, -1));
  const x = tf.zeros<tf.Rank.R4>([1, 1, 1, 2]);
  const batch = { x, y: tf.zeros<tf.Rank.R1>([1], 'int32'), labels: new Int32Array(1), ids: Int32Array.of(0) };
  const first = async (norm: 'Linf' | 'L2') =>
    (await nearestClasses(batch, createTarget(classifier, 'linear'), { norm, eps: 0.1 }, run(), 2)).at(0, 0);
  expect(await first('Linf')).toBe(2);
  expect(await first('L2')).toBe(1);
});

test('the probability margin of logits by hand', () => {
  const logits = tf.tensor2d([[Math.log(1), Math.log(2), Math.log(5)]]);
  expect(probabilityMargin(tf.tensor1d([1], 'int32'))(logits).dataSync()[0]).toBeCloseTo(5 / 8 - 2 / 8, 6);
  expect(probabilityMargin(tf.tensor1d([2], 'int32'))(logits).dataSync()[0]).toBeCloseTo(2 / 8 - 5 / 8, 6);
});

test('a run is given up after a quarter whose gain, made in all that are left, leads to no error', () => {
  const looks = (best: readonly number[]) => {
    const gains = new Gains(8);
    return best.map((b, i) => gains.isCertain(i + 1, b));
  };
  // quarters end at the looks 3, 5, 7 and 9: after the first, -0.7 + 3 * 0.1 is negative
  expect(looks([-0.8, -0.75, -0.7])).toEqual([false, false, true]);
  // -0.2 + 3 * 0.1 is not; after the second quarter -0.19 + 2 * 0.01 is
  expect(looks([-0.3, -0.25, -0.2, -0.2, -0.19])).toEqual([false, false, false, false, true]);
  expect(looks([-0.3, -0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toEqual(new Array(9).fill(false));
});

test('until it is certain: fewer passes where nothing breaks, the same images broken', async () => {
  const classifier = randomLinear([4, 4, 3], 5, new Rng('linear'));
  const x = tf.tensor4d(new Rng('images').uniform(40 * 48, 0.3, 0.7), [40, 4, 4, 3]);
  const y = classifier.logits(x).argMax(1).cast('int32') as tf.Tensor1D;
  const batch = { x, y, labels: y.dataSync() as Int32Array, ids: Int32Array.from({ length: 40 }, (_, i) => i) };
  const outcome = async (untilCertain: boolean) => {
    const target = createTarget(classifier, 'linear');
    const attack = apgdMalt.create(apgdMalt.params.parse({ iterations: 20, untilCertain }));
    const found = await attack.perturb(batch, target, { norm: 'Linf', eps: 0.02 }, run(16));
    const wrong = classifier.logits(found).argMax(1).notEqual(y).dataSync();
    return { wrong: Array.from(wrong), passes: target.passes.forward };
  };
  const [all, certain] = [await outcome(false), await outcome(true)];
  expect(all.wrong).toContain(0);
  expect(all.wrong).toContain(1);
  expect(certain.wrong).toEqual(all.wrong);
  expect(certain.passes).toBeLessThan(0.6 * all.passes);
});
