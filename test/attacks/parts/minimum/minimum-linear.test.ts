/** On a linear model of two classes the distance to the boundary is the margin over the dual norm of the weights: searches for the smallest perturbation must come to it. */
import { beforeAll, expect, test } from 'vitest';
import type { AttackPlugin, Target } from '../../../../attacks/attack.ts';
import ddn from '../../../../attacks/ddn.ts';
import fmn from '../../../../attacks/fmn.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { type NormName, norm } from '../../../../tensor/norms/index.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { type Shape, tf } from '../../../../tensor/tf.ts';
import { linearClassifier, randomLinear } from '../../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE: Shape = [8, 8, 3];
const D = 192;
const N = 12;

function batchOf(x: tf.Tensor4D, logits: tf.Tensor2D) {
  const y = logits.argMax(1).cast('int32') as tf.Tensor1D;
  return { x, y, labels: y.dataSync() as Int32Array, ids: Int32Array.from({ length: x.shape[0] }, (_, i) => i) };
}

const runOf = (trace?: (i: number, left: number) => void) => ({
  rng: new Rng('run'),
  signal: new AbortController().signal,
  batchSize: N,
  sources: new Map(),
  ...(trace && { trace }),
});

test.each<[string, NormName, AttackPlugin, number]>([
  ['FMN', 'Linf', fmn, 0.01],
  ['FMN', 'L2', fmn, 0.01],
  ['DDN', 'L2', ddn, 0.02],
])('%s in %s comes to the boundary', async (_, name, plugin, share) => {
  const classifier = randomLinear(SHAPE, 2, new Rng('linear'));
  const difference = tf.tensor4d(
    Float32Array.from({ length: D }, (_, i) => (classifier.weights[2 * i] as number) - (classifier.weights[2 * i + 1] as number)),
    [1, ...SHAPE],
  );
  const x = tf.tensor4d(new Rng('images').uniform(N * D, 0.35, 0.65), [N, ...SHAPE]);
  const logits = classifier.logits(x);
  const dual = norm(name).dual(difference).dataSync()[0] as number;
  const exact = Array.from(
    logits
      .mul(tf.tensor2d([[1, -1]]))
      .sum(1)
      .abs()
      .dataSync(),
    (m) => m / dual,
  );
  const attack = plugin.create(plugin.params.parse({ steps: 200 }));
  const eps = norm(name).ofOnes(D);
  const found = await attack.perturb(batchOf(x, logits), createTarget(classifier, 'linear'), { norm: name, eps }, runOf());
  norm(name)
    .size(found.sub(x))
    .dataSync()
    .forEach((d, i) => {
      expect(d).toBeGreaterThan((exact[i] as number) * (1 - 1e-4));
      expect(d).toBeLessThan((exact[i] as number) * (1 + share));
    });
});

test('what lies beyond the radius is not returned, and the trace counts those that are left', async () => {
  // a single weight: the boundary is 0.2 away from the first image and 0.4 from the second
  const classifier = linearClassifier([1, 1, 2], 2, Float32Array.of(0, 1, 0, 0), Float32Array.of(0.7, 0));
  const x = tf.tensor4d([0.5, 0, 0.3, 0], [2, 1, 1, 2]);
  const left: number[] = [];
  const attack = fmn.create(fmn.params.parse({ steps: 40 }));
  const batch = batchOf(x, classifier.logits(x));
  const found = await attack.perturb(
    batch,
    createTarget(classifier, 'plane'),
    { norm: 'L2', eps: 0.3 },
    runOf((_, n) => left.push(n)),
  );
  const [first, , second] = found.dataSync();
  expect(first).toBeGreaterThan(0.7);
  expect(first).toBeLessThan(0.71);
  expect(second).toBe(x.dataSync()[2]);
  expect(left).toHaveLength(40);
  expect(left[0]).toBe(2);
  expect(left.at(-1)).toBe(1);
});

test('DDN goes on in a drawn direction where the gradient is zero, each example in its own', async () => {
  // class 1 wins where the first value exceeds 0.9: the cross-entropy has no gradient that float32 can tell from zero
  const classifier = linearClassifier([1, 1, 2], 2, Float32Array.of(-2000, 2000, 0, 0), Float32Array.of(1800, -1800));
  const x = tf.tensor4d([0.5, 0.5, 0.5, 0.5], [2, 1, 1, 2]);
  const attack = ddn.create(ddn.params.parse({ steps: 60 }));
  const target = createTarget(classifier, 'saturated');
  const points: number[][] = [];
  const seeing: Target = {
    ...target,
    gradient(at, loss) {
      points.push([...at.dataSync()]);
      return target.gradient(at, loss);
    },
  };
  await attack.perturb(batchOf(x, classifier.logits(x)), seeing, { norm: 'L2', eps: 1 }, runOf());
  for (const point of points) for (const v of point) expect(v).toBeGreaterThanOrEqual(0);
  const [a, b, c, d] = points[1] as [number, number, number, number];
  expect([a, b]).not.toEqual([0.5, 0.5]);
  expect([a, b]).not.toEqual([c, d]);
});
