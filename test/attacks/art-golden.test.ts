/** Attacks of the Adversarial Robustness Toolbox, held to its own points on the golden network. */
import { beforeAll, expect, test } from 'vitest';
import cwInfUnbounded from '../../attacks/cw-inf-unbounded.ts';
import { createTarget } from '../../attacks/target.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenBatch, goldenJson, goldenNetwork } from '../golden.ts';
import { startEngine } from './engine.ts';

beforeAll(startEngine);

test('CW-inf without a radius errs where the toolbox errs, as near to each image', async () => {
  const { x, y, labels, ids } = goldenBatch(64);
  const classifier = goldenNetwork().freeze();
  const want = goldenJson('art').carlini as unknown as { clean: number[]; wrong: number[]; linf: number[] };
  const run = { rng: new Rng('none'), signal: new AbortController().signal, batchSize: 64, sources: new Map() };
  const points = await cwInfUnbounded
    .create(cwInfUnbounded.params.parse({}))
    .perturb({ x, y, labels, ids }, createTarget(classifier, 'reference'), { norm: 'Linf', eps: 0.001 }, run);
  const predicted = classifier.logits(points).argMax(1).dataSync();
  const distances = Linf.size(points.sub(x)).dataSync();
  // as the toolbox was asked, of the images that are right
  const right = want.clean.flatMap((clean, i) => (clean === 1 ? [i] : []));
  const differing = right.filter((i) => (predicted[i] !== labels[i] ? 1 : 0) !== want.wrong[i]);
  expect(differing).toEqual([]);
  const off = right.filter((i) => want.wrong[i] === 1).map((i) => Math.abs((distances[i] as number) - (want.linf[i] as number)));
  expect(off.length).toBe(18);
  expect(off.filter((o) => o < 1e-4).length / off.length).toBeGreaterThanOrEqual(0.95);
  expect(Math.max(...off)).toBeLessThan(0.006);
  // some are farther than any usual radius, and the radius asked for is not kept
  expect(Math.max(...right.map((i) => distances[i] as number))).toBeGreaterThan(8 / 255);
});
