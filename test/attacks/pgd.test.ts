import { beforeAll, expect, test } from 'vitest';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { randomLinear } from '../contract/linear.ts';

testAttack(pgd, { steps: 8, restarts: 2 });
testAttack(pgd, { steps: 8, eotIterations: 2 });
// away from the clean prediction is not always across the nearest border
testAttack(pgd, { steps: 8, loss: 'kl' }, { strong: false });

const SHAPE: Shape = [8, 8, 3];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function runPgd(params: Record<string, unknown>, eps: number, n = 20, relabel = (labels: Int32Array) => labels) {
  const rng = new Rng('restarts');
  const classifier = randomLinear(SHAPE, 3, rng);
  const x = tf.tensor4d(rng.uniform(n * 192, 0.3, 0.7), [n, ...SHAPE]);
  const labels = relabel(Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync())));
  const target = createTarget(classifier, 'linear');
  const survivors: [number, number][] = [];
  await pgd.create(pgd.params.parse(params)).perturb(
    { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) },
    target,
    { norm: 'Linf', eps },
    {
      rng,
      signal: new AbortController().signal,
      batchSize: 32,
      sources: new Map(),
      trace: (iteration, left) => survivors.push([iteration, left]),
    },
  );
  return { passes: target.passes, survivors };
}

test('points already broken are not attacked again', async () => {
  // half of the labels are wrong from the start: one look ends those, the others take every step of every restart
  const half = (labels: Int32Array) => labels.map((label, i) => (i < 16 ? (label + 1) % 3 : label));
  const { passes } = await runPgd({ steps: 5, restarts: 4 }, 1e-6, 32, half);
  expect(passes).toEqual({ forward: 16 + 16 * 4 * 6, backward: 16 + 16 * 4 * 5 });
});

test('survivors are counted after every step of every restart, and never grow', async () => {
  const { survivors } = await runPgd({ steps: 5, restarts: 3 }, 0.01);
  expect(survivors.map(([iteration]) => iteration)).toEqual(Array.from({ length: 18 }, (_, i) => i));
  const counts = survivors.map(([, left]) => left);
  expect(counts).toEqual([...counts].sort((a, b) => b - a));
  expect(counts[0]).toBeLessThanOrEqual(20);
  expect(counts.at(-1)).toBeGreaterThan(0);
  expect(counts.at(-1)).toBeLessThan(20);
});

test('a step size of zero or less is refused', () => {
  expect(pgd.params.safeParse({ stepSize: 0 }).success).toBe(false);
  expect(pgd.params.safeParse({ steps: 0 }).success).toBe(false);
});
