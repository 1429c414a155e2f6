/** On a linear model the distance to the nearest wrong class is known: an attack must break the images nearer than eps, and only those. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { AttackPlugin } from '../../attacks/attack.ts';
import cw from '../../attacks/cw.ts';
import fgsm from '../../attacks/fgsm.ts';
import mim from '../../attacks/mim.ts';
import multiTargeted from '../../attacks/multi-targeted.ts';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import transfer from '../../attacks/transfer.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { type Linear, linearClassifier, randomLinear } from '../contract/linear.ts';

const SHAPE: Shape = [8, 8, 3];
const D = 192;
const N = 24;

/** The distance of `x` to the plane where class `k` draws level with `label`: the margin over the dual norm of the difference of their weights. */
function distance({ weights, classes }: Linear, logits: readonly number[], label: number, k: number, norm: 'Linf' | 'L2'): number {
  let dual = 0;
  for (let i = 0; i < D; i++) {
    const w = (weights[i * classes + label] as number) - (weights[i * classes + k] as number);
    dual += norm === 'Linf' ? Math.abs(w) : w * w;
  }
  return ((logits[label] as number) - (logits[k] as number)) / (norm === 'Linf' ? dual : Math.sqrt(dual));
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const TWO: [AttackPlugin, Record<string, unknown>][] = [
  [fgsm, {}],
  [pgd, { steps: 60 }],
  [pgd, { steps: 60, loss: 'margin' }],
  [mim, { steps: 20 }],
  [cw, { steps: 60 }],
  [transfer, { sources: ['same'], steps: 60, momentum: 0 }],
];

async function expectExact(plugin: AttackPlugin, params: Record<string, unknown>, norm: 'Linf' | 'L2', classes: number, seed: string) {
  const rng = new Rng(seed);
  const classifier = randomLinear(SHAPE, classes, rng);
  // far enough from the borders of the box that it cuts nothing off
  const x = tf.tensor4d(rng.uniform(N * D, 0.3, 0.7), [N, ...SHAPE]);
  const logits = tf.tidy(() => classifier.logits(x).arraySync()) as number[][];
  const labels = Int32Array.from(logits, (z) => z.indexOf(Math.max(...z)));
  const nearest = logits.map((z, i) => {
    const label = labels[i] as number;
    return Math.min(...z.flatMap((_, k) => (k === label ? [] : [distance(classifier, z, label, k, norm)])));
  });
  const sorted = [...nearest].sort((a, b) => a - b);
  const eps = ((sorted[N / 2 - 1] as number) + (sorted[N / 2] as number)) / 2;
  const adversarial = await plugin.create(plugin.params.parse(params)).perturb(
    { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) },
    createTarget(classifier, 'linear'),
    { norm, eps },
    {
      rng: rng.fork('run'),
      signal: new AbortController().signal,
      batchSize: 7,
      sources: new Map([['same', createTarget(classifier, 'same')]]),
    },
  );
  const predicted = tf.tidy(() => classifier.logits(adversarial).argMax(1).dataSync());
  const broken = Array.from(labels, (label, i) => predicted[i] !== label);
  expect(broken).toEqual(nearest.map((r) => r < eps));
}

describe.each(TWO.map(([plugin, params]) => ({ name: plugin.name, plugin, params })))(
  '$name on two classes, $params',
  ({ plugin, params }) => {
    test.each(['Linf', 'L2'] as const)('breaks exactly the images nearer than eps in %s', async (norm) => {
      for (const seed of ['a', 'b', 'c']) await expectExact(plugin, params, norm, 2, seed);
    });
  },
);

describe('multi-targeted on six classes', () => {
  test.each(['Linf', 'L2'] as const)('breaks exactly the images nearer than eps in %s', async (norm) => {
    for (const seed of ['a', 'b']) await expectExact(multiTargeted, { steps: 60 }, norm, 6, seed);
  });
});

test.each([1, 2, undefined])('multi-targeted with targets: %s goes for the most likely of the wrong classes', async (targets) => {
  const rng = new Rng('targets');
  // the less likely a class is on grey, the more it feels a pixel: the most likely is seldom the nearest
  const weights = rng.normal(D * 6).map((w, i) => w * ([0.1, 0.1, 0.3, 0.6, 0.9, 1.2][i % 6] as number));
  const bias = Float32Array.from({ length: 6 }, (_, k) => weights.reduce((sum, w, i) => (i % 6 === k ? sum - 0.5 * w : sum), 2 - k));
  const classifier = linearClassifier(SHAPE, 6, weights, bias);
  const x = tf.tensor4d(rng.uniform(N * D, 0.45, 0.55), [N, ...SHAPE]);
  const logits = tf.tidy(() => classifier.logits(x).arraySync()) as number[][];
  const ranked = logits.map((z) => [...z.keys()].sort((a, b) => (z[b] as number) - (z[a] as number)));
  const labels = Int32Array.from(ranked, ([first]) => first as number);
  const eps = 0.04;
  // where it ends: the corner of the ball that is worst for each of its targets. On the way there it errs where it does at the end
  const wrongAt = (row: number, k: number) => {
    const label = labels[row] as number;
    const gain = (other: number) => {
      let sum = 0;
      for (let i = 0; i < D; i++) {
        const w = (c: number) => classifier.weights[i * 6 + c] as number;
        sum += Math.sign(w(k) - w(label)) * (w(other) - w(label));
      }
      return sum * eps + (logits[row]?.[other] as number) - (logits[row]?.[label] as number);
    };
    return [0, 1, 2, 3, 4, 5].some((other) => other !== label && gain(other) > 0);
  };
  const broken = (count: number) => ranked.map((order, row) => order.slice(1, 1 + count).some((k) => wrongAt(row, k)));
  // fewer targets break fewer images
  expect(new Set([1, 2, 5].map((count) => broken(count).filter(Boolean).length)).size).toBe(3);
  const run = { rng, signal: new AbortController().signal, batchSize: 7, sources: new Map() };
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
  const attack = multiTargeted.create(multiTargeted.params.parse({ steps: 60, targets }));
  const adversarial = await attack.perturb(batch, createTarget(classifier, 'linear'), { norm: 'Linf', eps }, run);
  const predicted = tf.tidy(() => classifier.logits(adversarial).argMax(1).dataSync());
  expect(Array.from(labels, (label, i) => predicted[i] !== label)).toEqual(broken(targets ?? 5));
});

test.each<[AttackPlugin, Record<string, unknown>, number]>([
  [pgd, {}, 2.5 / 40],
  [cw, {}, 2.5 / 40],
  [multiTargeted, {}, 2.5 / 40],
  [mim, {}, 1 / 40],
  [transfer, { sources: ['same'] }, 2.5 / 40],
])('$name: where no step size is given, it is a share of the radius', async (plugin, params, share) => {
  const rng = new Rng('step');
  const classifier = randomLinear(SHAPE, 3, rng);
  const x = tf.tensor4d(rng.uniform(D, 0.3, 0.7), [1, ...SHAPE]);
  const labels = Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync()));
  const inner = createTarget(classifier, 'linear');
  const points: Float32Array[] = [];
  const gradient: typeof inner.gradient = (at, loss, whose) => {
    points.push(at.dataSync().slice() as Float32Array);
    return inner.gradient(at, loss, whose);
  };
  const target = { ...inner, passes: inner.passes, logits: inner.logits.bind(inner), gradient };
  // so small that nothing breaks, so large that float32 holds a fortieth
  const threat = { norm: 'Linf', eps: 1e-3 } as const;
  const run = { rng, signal: new AbortController().signal, batchSize: 1, sources: new Map([['same', target]]) };
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(0) };
  await plugin.create(plugin.params.parse({ steps: 40, ...params })).perturb(batch, target, threat, run);
  const [first, second] = points as [Float32Array, Float32Array];
  const moved = Math.max(...second.map((v, i) => Math.abs(v - (first[i] as number))));
  expect(moved / threat.eps).toBeCloseTo(share, 3);
});
