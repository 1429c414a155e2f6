import { beforeAll, describe, expect, test } from 'vitest';
import type { AttackPlugin } from '../../../attacks/attack.ts';
import cw from '../../../attacks/cw.ts';
import mim from '../../../attacks/mim.ts';
import multiTargeted from '../../../attacks/multi-targeted.ts';
import { momentum, steepest } from '../../../attacks/parts/step.ts';
import pgd from '../../../attacks/pgd.ts';
import { createTarget } from '../../../attacks/target.ts';
import transfer from '../../../attacks/transfer.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Images of two pixels, one per argument. */
const images = (...pairs: [number, number][]) => tf.tensor4d(pairs.flat(), [pairs.length, 1, 2, 1]);
const rounded = (t: tf.Tensor) => Array.from(t.dataSync(), (v) => Number(v.toFixed(6)));

describe('momentum', () => {
  const origin = images([0.5, 0.5], [0.5, 0.5]);
  const threat = { norm: 'Linf', eps: 0.3 } as const;

  test('sums gradients that are scaled to L1 norm 1, each example by its own', () => {
    const step = momentum(threat, 0.1, 1);
    const first = step({ x: origin, origin, grad: images([30, -10], [1, 1]) });
    expect(rounded(first.memory as tf.Tensor)).toEqual([0.75, -0.25, 0.5, 0.5]);
    expect(rounded(first.x)).toEqual([0.6, 0.4, 0.6, 0.6]);
    const second = step({ ...first, origin, grad: images([-2, 6], [-8, 0]) });
    expect(rounded(second.memory as tf.Tensor)).toEqual([0.5, 0.5, -0.5, 0.5]);
    expect(rounded(second.x)).toEqual([0.7, 0.5, 0.5, 0.7]);
  });

  test('keeps the share that decay says', () => {
    const step = momentum(threat, 0.1, 0.2);
    const memory = images([0.75, -0.25], [0.5, 0.5]);
    expect(rounded(step({ x: origin, origin, grad: images([-2, 6], [-8, 0]), memory }).memory as tf.Tensor)).toEqual([
      -0.1, 0.7, -0.9, 0.1,
    ]);
  });

  test('a gradient of zero leaves the point', () => {
    const { x, memory } = momentum(threat, 0.1, 1)({ x: origin, origin, grad: tf.zerosLike(origin) });
    expect(rounded(x)).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(rounded(memory as tf.Tensor)).toEqual([0, 0, 0, 0]);
  });
});

test('a norm without gradient steps is refused by name', () => {
  expect(() => steepest({ norm: 'L1', eps: 1 }, 0.1)).toThrow('[gradient step] expected a norm of Linf, L2, got L1');
});

/** Says class 0 whatever it sees, with the gradients of a list, one per pass. */
function scripted(gradients: tf.Tensor4D[]): { classifier: Classifier; seen: number[][] } {
  const seen: number[][] = [];
  const logits = (x: tf.Tensor4D) => tf.tensor2d([[1, 0]]).tile([x.shape[0], 1]) as tf.Tensor2D;
  const classifier: Classifier = {
    classes: 2,
    inputShape: [1, 2, 1],
    logits(x) {
      seen.push(rounded(x));
      return logits(x);
    },
    linearize(x) {
      seen.push(rounded(x));
      const grad = gradients[seen.length - 1] as tf.Tensor4D;
      return { logits: logits(x), pullback: () => grad.clone(), dispose() {} };
    },
    dispose() {},
  };
  return { classifier, seen };
}

/** The points at which `plugin` asks for a gradient that always points to (1, -1), from the image (0.5, 0.5). */
async function pointsOf(plugin: AttackPlugin, params: Record<string, unknown>, eps: number): Promise<number[][]> {
  const { classifier, seen } = scripted(Array.from({ length: 60 }, () => images([1, -1])));
  const [x, labels] = [images([0.5, 0.5]), Int32Array.of(0)];
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(0) };
  const target = createTarget(classifier, 'scripted');
  const sources = new Map([['same', createTarget(classifier, 'same')]]);
  const run = { rng: new Rng('steps'), signal: new AbortController().signal, batchSize: 4, sources };
  await plugin.create(plugin.params.parse(params)).perturb(batch, target, { norm: 'Linf', eps }, run);
  return seen;
}

test.each<[AttackPlugin, Record<string, unknown>]>([
  [pgd, {}],
  [cw, {}],
  [multiTargeted, {}],
  [transfer, { sources: ['same'], momentum: 0 }],
  [mim, {}],
])('$name takes steps of the length that is asked for, along the gradient', async (plugin, params) => {
  const seen = await pointsOf(plugin, { ...params, steps: 40, stepSize: 0.003 }, 0.2);
  // multi-targeted looks at the image first; then from the start on
  const [start, ...walk] = seen.slice(plugin === multiTargeted ? 1 : 0, plugin === multiTargeted ? 4 : 3) as [number[], ...number[][]];
  walk.forEach((point, i) => {
    expect(point).toEqual([1, -1].map((sign, k) => expect.closeTo((start[k] as number) + sign * 0.003 * (i + 1), 5)));
  });
});

test.each([pgd, cw, mim])('$name starts at the image or at a random point of the ball, as asked', async (plugin) => {
  const first = async (randomStart: boolean) => (await pointsOf(plugin, { steps: 1, randomStart }, 0.2))[0] as [number, number];
  expect(await first(false)).toEqual([0.5, 0.5]);
  const [a, b] = await first(true);
  expect(a).not.toBe(0.5);
  expect(Math.max(Math.abs(a - 0.5), Math.abs(b - 0.5))).toBeLessThanOrEqual(0.2);
});

// by hand: (30,-10) and (-2,6) scale to (0.75,-0.25) and (-0.25,0.75); unscaled, the first would outweigh the second
test.each([
  { decay: 1, second: [0.7, 0.5] },
  { decay: 0, second: [0.5, 0.5] },
])('MIM walks along its momentum: decay $decay', async ({ decay, second }) => {
  const { classifier, seen } = scripted([images([30, -10]), images([-2, 6])]);
  const [x, labels] = [images([0.5, 0.5]), Int32Array.of(0)];
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(0) };
  const run = { rng: new Rng('mim'), signal: new AbortController().signal, batchSize: 4, sources: new Map() };
  const attack = mim.create(mim.params.parse({ steps: 2, stepSize: 0.1, decay }));
  await attack.perturb(batch, createTarget(classifier, 'scripted'), { norm: 'Linf', eps: 0.3 }, run);
  expect(seen).toEqual([[0.5, 0.5], [0.6, 0.4], second]);
});
