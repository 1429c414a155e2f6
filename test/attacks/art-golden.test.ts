/** Attacks of the Adversarial Robustness Toolbox, held to its own points on the golden network. */
import { beforeAll, expect, test } from 'vitest';
import apgdCeArt from '../../attacks/apgd-ce-art.ts';
import apgdDlrArt from '../../attacks/apgd-dlr-art.ts';
import type { Threat } from '../../attacks/attack.ts';
import cwInfUnbounded from '../../attacks/cw-inf-unbounded.ts';
import deepfool from '../../attacks/deepfool.ts';
import { rowsOf } from '../../attacks/parts/search/finds.ts';
import { createTarget } from '../../attacks/target.ts';
import { L2 } from '../../tensor/norms/l2.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenBatch, goldenJson, goldenNetwork } from '../golden.ts';
import { native, startEngine } from './engine.ts';

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

test('DeepFool goes to the same errors, and those in the ball are those of the toolbox', async () => {
  const { x, y, labels, ids } = goldenBatch(64);
  const classifier = goldenNetwork().freeze();
  const want = goldenJson('art').deepfool as unknown as { clean: number[]; wrong: number[]; linf: number[]; l2: number[] };
  const right = want.clean.flatMap((clean, i) => (clean === 1 ? [i] : []));
  const attack = (threat: Threat) =>
    deepfool.create(deepfool.params.parse({})).perturb({ x, y, labels, ids }, createTarget(classifier, 'reference'), threat, {
      rng: new Rng('none'),
      signal: new AbortController().signal,
      batchSize: 64,
      sources: new Map(),
    });
  const anywhere = await attack({ norm: 'L2', eps: 100 });
  const distances = L2.size(anywhere.sub(x)).dataSync();
  const off = right.map((i) => Math.abs((distances[i] as number) / (want.l2[i] as number) - 1));
  expect(off.filter((o) => o < 1e-3).length / off.length).toBeGreaterThanOrEqual(0.95);
  expect(Math.max(...off)).toBeLessThan(0.02);
  for (const [norm, eps, own] of [
    ['Linf', 0.031, want.linf],
    ['L2', 0.5, want.l2],
  ] as const) {
    const points = await attack({ norm, eps });
    const predicted = classifier.logits(points).argMax(1).dataSync();
    const broken = right.filter((i) => predicted[i] !== labels[i]);
    expect(broken).toEqual(right.filter((i) => want.wrong[i] === 1 && (own[i] as number) <= eps));
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.length).toBeLessThan(right.length);
  }
});

test.runIf(native).each([
  ['apgd-ce', apgdCeArt],
  ['apgd-dlr', apgdDlrArt],
] as const)(
  '%s with five starts leaves the images that the toolbox leaves, whatever both drew',
  { timeout: 300_000 },
  async (name, plugin) => {
    const want = goldenJson('art')[name] as unknown as { clean: number[]; wrong: number[] };
    const right = want.clean.flatMap((clean, i) => (clean === 1 ? [i] : []));
    const all = goldenBatch(64);
    const batch = {
      x: rowsOf(all.x, right),
      y: rowsOf(all.y, right),
      labels: all.labels.filter((_, i) => want.clean[i] === 1),
      ids: Int32Array.from(right),
    };
    const classifier = goldenNetwork().freeze();
    const run = { rng: new Rng('starts'), signal: new AbortController().signal, batchSize: 64, sources: new Map() };
    const points = await plugin
      .create(plugin.params.parse({}))
      .perturb(batch, createTarget(classifier, 'reference'), { norm: 'Linf', eps: 0.031 }, run);
    const predicted = classifier.logits(points).argMax(1).dataSync();
    const differing = right.filter((image, i) => (predicted[i] !== batch.labels[i] ? 1 : 0) !== want.wrong[image]);
    expect(differing.length).toBeLessThanOrEqual(1);
  },
);
