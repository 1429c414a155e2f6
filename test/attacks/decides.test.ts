/** Iterative attacks of which the last point decides, and starts that are not clipped. */
import { beforeAll, expect, test } from 'vitest';
import type { AttackPlugin, Batch } from '../../attacks/attack.ts';
import cw from '../../attacks/cw.ts';
import fgsm from '../../attacks/fgsm.ts';
import mim from '../../attacks/mim.ts';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(pgd, { steps: 8, restarts: 2, decides: 'last' });
testAttack(pgd, { steps: 8, decides: 'last', clampStart: false });
testAttack(mim, { steps: 8, decides: 'last' });
testAttack(cw, { steps: 8, decides: 'last' });
testAttack(fgsm, { decides: 'last' });

const SHAPE: Shape = [1, 1, 1];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Of images of one pixel v: class 1 where v is in the band, while the gradient of its logit is 1 everywhere; `seen` are the points asked about. */
function band(from: number, to: number): Classifier & { seen: number[][] } {
  const seen: number[][] = [];
  const logits = (x: tf.Tensor4D) => {
    const values = [...x.dataSync()];
    seen.push(values);
    return tf.tensor2d(values.map((v) => [0, v > from && v < to ? 1 : -1]));
  };
  return {
    classes: 2,
    inputShape: SHAPE,
    seen,
    logits,
    linearize: (x) => {
      const made = logits(x);
      const pullback = (dlogits: tf.Tensor2D) => tf.tidy(() => dlogits.slice([0, 1], [-1, 1]).reshape(x.shape) as tf.Tensor4D);
      return { logits: made, pullback, dispose: () => made.dispose() };
    },
    dispose: () => undefined,
  };
}

const batchOf = (pixels: number[]): Batch => {
  const labels = Int32Array.from(pixels, () => 0);
  return {
    x: tf.tensor4d(pixels, [pixels.length, ...SHAPE]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids: Int32Array.from(labels.keys()),
  };
};

async function attacked(plugin: AttackPlugin, params: Record<string, unknown>, classifier: Classifier, pixels: number[]) {
  const target = createTarget(classifier, 'band');
  const trace: [number, number][] = [];
  const found = await plugin.create(plugin.params.parse(params)).perturb(
    batchOf(pixels),
    target,
    { norm: 'Linf', eps: 0.3 },
    {
      rng: new Rng('decides'),
      signal: new AbortController().signal,
      batchSize: 8,
      sources: new Map(),
      trace: (iteration, left) => trace.push([iteration, left]),
    },
  );
  return { points: [...found.dataSync()].map((v) => Number(v.toFixed(4))), passes: target.passes, trace };
}

const STEPS = { steps: 3, stepSize: 0.1, randomStart: false };

test.each([
  [pgd, STEPS],
  [cw, STEPS],
  [mim, STEPS],
] as const)('a point on the way counts unless the last one decides: $name', async (plugin, params) => {
  // steps to 0.2, 0.3, 0.4: the second is misclassified, the last is not
  const any = await attacked(plugin, params, band(0.25, 0.35), [0.1]);
  expect(any.points).toEqual([0.3]);
  const last = await attacked(plugin, { ...params, decides: 'last' }, band(0.25, 0.35), [0.1]);
  expect(last.points).toEqual([0.4]);
  expect(last.passes).toEqual({ forward: 4, backward: 3 });
  expect(last.trace.map(([, left]) => left)).toEqual([1, 1, 1, 1]);
  // and where the last is misclassified, it is found after all steps
  const broken = await attacked(plugin, { ...params, decides: 'last' }, band(0.15, 0.5), [0.1]);
  expect([broken.points, broken.trace.map(([, left]) => left)]).toEqual([[0.4], [1, 1, 1, 0]]);
});

test('one step of full size comes back whatever the model says of image and point', async () => {
  expect((await attacked(fgsm, {}, band(2, 3), [0.1])).points).toEqual([0.1]);
  expect((await attacked(fgsm, { decides: 'last' }, band(2, 3), [0.1])).points).toEqual([0.4]);
  // an image that is misclassified already is still moved
  expect((await attacked(fgsm, { decides: 'last' }, band(0, 0.2), [0.1])).points).toEqual([0.4]);
});

test('of several restarts the first that ends misclassified counts, and else the first of all', async () => {
  const params = { steps: 1, stepSize: 0.05, restarts: 6, decides: 'last' };
  const all = { ...params, randomStart: true };
  const [first] = (await attacked(pgd, { ...all, restarts: 1 }, band(2, 3), [0.5])).points;
  expect((await attacked(pgd, all, band(2, 3), [0.5])).points).toEqual([first]);
  const { points, passes } = await attacked(pgd, all, band(0.1, 0.65), [0.5]);
  expect(points[0]).toBeLessThan(0.65);
  expect(first).toBeGreaterThan(0.65);
  expect(passes.forward).toBeLessThan(12);
});

test('starts are clipped to the box unless they are told not to', async () => {
  const pixels = [0.02, 0.98, 0.5, 0.01];
  const starts = async (params: Record<string, unknown>) => {
    const classifier = band(2, 3);
    const { points } = await attacked(pgd, { ...STEPS, randomStart: true, decides: 'last', ...params }, classifier, pixels);
    return { start: classifier.seen[0] as number[], points };
  };
  const [clipped, free] = [await starts({}), await starts({ clampStart: false })];
  expect(free.start.some((v) => v < 0 || v > 1)).toBe(true);
  expect(free.start.map((v, i) => Math.abs(v - (pixels[i] as number)) <= 0.3)).toEqual([true, true, true, true]);
  expect(clipped.start).toEqual(free.start.map((v) => Math.min(1, Math.max(0, v))));
  for (const v of free.points) expect(v >= 0 && v <= 1).toBe(true);
});

test('is not among the parameters of an attack that was not asked, and an unclipped start goes with the last point alone', () => {
  for (const plugin of [pgd, mim, cw, fgsm]) expect(Object.keys(plugin.params.parse({}) as object)).not.toContain('decides');
  expect(pgd.params.safeParse({ clampStart: false }).success).toBe(false);
  expect(pgd.params.safeParse({ clampStart: false, decides: 'any' }).success).toBe(false);
  expect(pgd.params.safeParse({ clampStart: true, decides: 'last' }).success).toBe(false);
});
