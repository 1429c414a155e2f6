/** A norm that is not in the house, with a row in the table and nothing else: attacks, training and checks take it as it is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttackPlugin } from '../../attacks/attack.ts';
import fab from '../../attacks/fab.ts';
import noise from '../../attacks/noise.ts';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import { heldSplit } from '../../datasets/split.ts';
import { ascend, uniformNoise } from '../../defenses/parts/craft.ts';
import { budgetTolerance } from '../../harness/evaluate/checks.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import { type Norm, type NormName, norms } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { linearClassifier } from '../contract/linear.ts';

const SHAPE: Shape = [4, 4, 2];
const D = 32;
/** What the largest value is measured by: the second channel may move three times as far as the first. */
const scale = () => tf.tensor4d([1, 3], [1, 1, 1, 2]);
const NAME = 'uneven' as NormName;

/** `max |delta_i| / s_i`: a box with sides of two lengths. */
const uneven: Norm = {
  name: NAME,
  inGreyLevels: false,
  size: (delta) => tf.tidy(() => delta.div(scale()).abs().max([1, 2, 3])),
  dual: (w) => tf.tidy(() => w.mul(scale()).abs().sum([1, 2, 3])),
  ofOnes: () => 1,
  project: (x, origin, eps) =>
    tf.tidy(() => {
      const reach = tf.mul(scale(), eps);
      return tf.clipByValue(tf.minimum(tf.maximum(x, origin.sub(reach)), origin.add(reach)), 0, 1) as tf.Tensor4D;
    }),
  step: ({ x, grad, origin }, size, eps) => tf.tidy(() => uneven.project(x.add(grad.sign().mul(scale()).mul(size)), origin, eps)),
  inBall: (shape, eps, rng) => tf.tidy(() => tf.tensor4d(rng.uniform(tf.util.sizeFromShape(shape), -eps, eps), shape).mul(scale())),
  onSphere: (d, rng) => norms.Linf.onSphere(d, rng).map((v, i) => v * (1 + 2 * (i % 2))),
  start: (d, rng) => rng.uniform(d, -1, 1).map((v, i) => v * (1 + 2 * (i % 2))),
};

beforeAll(async () => {
  await tf.setBackend('cpu');
  Object.assign(norms, { [NAME]: uneven });
});

afterAll(() => {
  delete (norms as Record<string, Norm>)[NAME];
});

/** Two classes and the distance of every image to the border between them: the margin over the dual norm of the difference of the weights. */
function problem(n: number) {
  const rng = new Rng('uneven');
  const w = rng.normal(D);
  const classifier = linearClassifier(
    SHAPE,
    2,
    Float32Array.from({ length: 2 * D }, (_, i) => (i % 2 ? -0.5 : 0.5) * (w[i >> 1] as number)),
  );
  const images = Uint8Array.from(rng.uniform(n * D, 100, 156));
  const x = tf.tensor4d(
    Float32Array.from(images, (v) => v / 255),
    [n, ...SHAPE],
  );
  const margins = Array.from(x.reshape([n, D]).mul(tf.tensor1d(w)).sum(1).dataSync());
  const dual = w.reduce((sum, v, i) => sum + Math.abs(v) * (1 + 2 * (i % 2)), 0);
  return {
    classifier,
    images,
    labels: Int32Array.from(margins, (m) => (m > 0 ? 0 : 1)),
    distances: margins.map((m) => Math.abs(m) / dual),
    x,
  };
}

const within = (plugin: AttackPlugin): AttackPlugin => ({ ...plugin, norms: [...plugin.norms, NAME] });

function attacked(plugin: AttackPlugin, params: Record<string, unknown>, eps: number, n = 24) {
  const { classifier, images, labels } = problem(n);
  return evaluate({
    classifier,
    name: 'linear',
    attack: within(plugin),
    params: plugin.params.parse(params),
    threat: { norm: NAME, eps },
    data: { ...heldSplit({ images, labels }), shape: SHAPE },
    clean: '1'.repeat(n),
    rng: new Rng('cell'),
    batchSize: 7,
    sources: new Map(),
    signal: new AbortController().signal,
  });
}

describe('in a norm of which the attacks know nothing', () => {
  test('PGD breaks exactly the images nearer than eps, and the harness measures their distances', async () => {
    const { distances } = problem(24);
    const sorted = [...distances].sort((a, b) => a - b);
    const eps = ((sorted[11] as number) + (sorted[12] as number)) / 2;
    const { robust, distances: measured } = await attacked(pgd, { steps: 40 }, eps);
    expect([...robust].map((r) => r === '0')).toEqual(distances.map((d) => d < eps));
    measured.forEach((m, i) => {
      if (robust[i] === '0') expect(m).toBeGreaterThanOrEqual((distances[i] as number) * (1 - 1e-5));
      expect(m).toBeLessThanOrEqual(eps * (1 + 1e-4));
    });
  });

  test('noise stays in the budget and uses it', async () => {
    const { robust, distances } = await attacked(noise, { draws: 20 }, 0.12);
    const broken = distances.filter((_, i) => robust[i] === '0');
    expect(broken.length).toBeGreaterThan(0);
    // of 32 uniform draws the largest is over 0.8 of the most with a chance of 0.9992
    for (const distance of broken) expect(distance).toBeGreaterThan(0.8 * 0.12);
  });

  test('a step that is too long for it is out of the budget', async () => {
    const long: AttackPlugin = { ...noise, name: 'long', create: () => ({ perturb: async ({ x }) => x.add(0.11) }) };
    await expect(attacked(long, {}, 0.1)).rejects.toThrow('[attack long] example 0: expected uneven distance <= 0.1, got 0.11');
    expect(budgetTolerance({ norm: NAME, eps: 0.1 }, D)).toBeCloseTo(4 * 2 ** -24 + 1e-6, 12);
  });

  test('crafting for training reaches the worst point from noise of the ball', () => {
    const { classifier, x, labels, distances } = problem(4);
    const threat = { norm: NAME, eps: 0.05 };
    const start = tf.clipByValue(x.add(uniformNoise(x, threat, new Rng('noise'))), 0, 1) as tf.Tensor4D;
    const sign = tf.tensor2d(Array.from(labels, (l) => (l === 0 ? [-1, 1] : [1, -1])));
    const margin = (logits: tf.Tensor2D) => logits.mul(sign).sum(1) as tf.Tensor1D;
    const end = ascend(createTarget(classifier, 'linear'), x, start, margin, { norm: NAME, eps: 0.05, step: 0.02, steps: 6 });
    const left = Array.from(margin(classifier.logits(end)).dataSync());
    const dual = Array.from(
      uneven
        .dual(
          tf.tensor4d(
            classifier.weights.filter((_, i) => i % 2 === 0),
            [1, ...SHAPE],
          ),
        )
        .dataSync(),
    )[0] as number;
    left.forEach((rise, i) => {
      // the weights of the two classes are opposite, so that the margin rises by twice the dual norm of one of them
      expect(rise).toBeCloseTo(2 * dual * (0.05 - (distances[i] as number)), 3);
    });
  });

  test('an attack with mathematics of its own for every norm refuses it', async () => {
    await expect(attacked(fab, {}, 0.1)).rejects.toThrow('[fab] expected a norm of Linf, L2, L1, got uneven');
  });
});
