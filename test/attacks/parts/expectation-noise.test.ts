/** Gradients are averaged until their spread is small: as many draws as the noise asks for, by each example for itself. */
import { beforeAll, expect, test } from 'vitest';
import { averagedTarget, noiseShare } from '../../../attacks/parts/expectation.ts';
import { targetedMargin } from '../../../attacks/parts/losses.ts';
import pgd from '../../../attacks/pgd.ts';
import { createTarget } from '../../../attacks/target.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const D = 256;
const SIGNS = Float32Array.from({ length: D }, (_, i) => (i % 3 === 0 ? 1 : -1));

/**
 * Two classes; the margin of the second is `signs . (x - 0.5) - margin`, plus noise whose gradient has `sigma(id)` times a normal number in
 * every coordinate. The expectation is known, and so is the share of noise in a mean of k gradients: `sigma^2 / (sigma^2 + k)`.
 */
function noisy(sigma: (row: number) => number, margin: number): Classifier {
  const slopes = (draws: readonly Rng[] | undefined, n: number) =>
    tf.tidy(() =>
      tf.stack(
        Array.from({ length: n }, (_, i) => {
          const rng = draws?.[i];
          const row = Number(rng?.key.split('/').at(-3) ?? 0);
          const noise = rng ? rng.normal(D).map((v) => sigma(row) * v) : new Float32Array(D);
          return tf.tensor1d(SIGNS.map((s, j) => s + (noise[j] as number)));
        }),
      ),
    ) as tf.Tensor2D;
  const logitsBy = (x: tf.Tensor4D, slope: tf.Tensor2D) =>
    tf.tidy(() => {
      const value = x.reshape([-1, D]).sub(0.5).mul(slope).sum(1, true).sub(margin);
      return tf.concat([value.mul(0), value], 1) as tf.Tensor2D;
    });
  return {
    classes: 2,
    inputShape: [16, 16, 1],
    randomized: true,
    logits(x, draws) {
      const slope = slopes(draws, x.shape[0]);
      const logits = logitsBy(x, slope);
      slope.dispose();
      return logits;
    },
    linearize(x, draws) {
      const slope = slopes(draws, x.shape[0]);
      const logits = logitsBy(x, slope);
      return {
        logits,
        pullback: (d) => tf.tidy(() => slope.mul(d.slice([0, 1], [-1, 1])).reshape(x.shape) as tf.Tensor4D),
        dispose: () => tf.dispose([slope, logits]),
      };
    },
    dispose() {},
  };
}

const grey = (n: number) => tf.fill<tf.Rank.R4>([n, 16, 16, 1], 0.5);
const toSecond = (n: number) => targetedMargin(tf.zeros([n], 'int32'), tf.ones([n], 'int32'));

/** Passes that examples of these ids take, and their gradients. */
function asked(ids: readonly number[], noise: number, draws = 200) {
  const target = createTarget(
    noisy((id) => (id === 1 ? 1 : 3), 1),
    'noisy',
    { rng: new Rng('cell'), ids },
  );
  const averaged = averagedTarget(target, draws, noise);
  const before = tf.memory().numTensors;
  const { loss, logits, grad } = averaged.gradient(grey(ids.length), toSecond(ids.length));
  const values = grad.arraySync();
  tf.dispose([loss, logits, grad]);
  return { passes: target.passes.forward, backward: target.passes.backward, values, left: tf.memory().numTensors - before };
}

test('the share of noise, by hand: gradients (1,0) and (0,1) have a mean that is half noise', () => {
  // spread 1 = |g - mean|^2 summed over one degree of freedom; of the mean 1/2; its squared length 1/2
  expect(noiseShare(2, 2, 2)).toBe(1);
  expect(noiseShare(2, 2, 4)).toBe(0);
  expect(noiseShare(3, 3, 0)).toBe(Number.POSITIVE_INFINITY);
  expect(noiseShare(2, 0, 0)).toBe(0);
});

test('as many draws as bring the noise down: sigma^2 (1 - share) / share', () => {
  // 9 at a half, 81 at a tenth; a spread that is estimated from 256 coordinates scatters by a tenth
  for (const [noise, least, most] of [
    [0.5, 8, 10],
    [0.1, 73, 89],
  ] as const) {
    const { passes, backward } = asked([0], noise);
    expect(passes).toBeGreaterThanOrEqual(least);
    expect(passes).toBeLessThanOrEqual(most);
    expect(backward).toBe(passes);
  }
  expect(asked([0], 0.1, 20).passes).toBe(20);
});

test('each example stops for itself: passes and gradients are those of it alone, and nothing is left allocated', () => {
  const [loud, quiet, both] = [asked([0], 0.2), asked([1], 0.2), asked([0, 1], 0.2)];
  expect(quiet.passes).toBeLessThan(loud.passes / 3);
  expect(both.passes).toBe(loud.passes + quiet.passes);
  expect(both.values).toEqual([...loud.values, ...quiet.values]);
  // the image and the two label tensors of the loss
  expect(both.left).toBe(3);
});

test('a classifier without noise is asked twice', () => {
  const target = createTarget(
    noisy(() => 0, 1),
    'quiet',
    { rng: new Rng('cell'), ids: [0] },
  );
  tf.dispose(Object.values(averagedTarget(target, 50, 0.1).gradient(grey(1), toSecond(1))));
  expect(target.passes).toEqual({ forward: 2, backward: 2 });
});

test('on a noisy model one step along an averaged gradient breaks what one along a single gradient leaves', async () => {
  // a step of all signs gains 25.6; of signs that noise of three deviations has flipped, a quarter of it
  const classifier = noisy(() => 3, 15);
  const batch = { x: grey(4), y: tf.zeros<tf.Rank.R1>([4], 'int32'), labels: new Int32Array(4), ids: Int32Array.of(0, 1, 2, 3) };
  const broken = async (params: object) => {
    const attack = pgd.create(
      pgd.params.parse({ steps: 1, stepSize: 0.1, randomStart: false, decides: 'last', loss: 'margin', ...params }),
    );
    const target = createTarget(classifier, 'noisy', { rng: new Rng('cell'), ids: batch.ids });
    const run = { rng: new Rng('run'), signal: new AbortController().signal, batchSize: 4, sources: new Map() };
    const found = await attack.perturb(batch, target, { norm: 'Linf', eps: 0.1 }, run);
    // judged without noise
    const logits = classifier.logits(found).arraySync() as number[][];
    return logits.filter((row) => (row[1] as number) > 0).length;
  };
  expect(await broken({})).toBe(0);
  expect(await broken({ eotIterations: 200, eotNoise: 0.1 })).toBe(4);
});
