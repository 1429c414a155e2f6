/** Which classes targeted APGD goes for. */
import { beforeAll, expect, test } from 'vitest';
import apgdT from '../../../../attacks/apgd-t.ts';
import type { Attempt, Target } from '../../../../attacks/attack.ts';
import { targetedDlr } from '../../../../attacks/parts/dlr.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { type Shape, tf } from '../../../../tensor/tf.ts';
import { randomLinear } from '../../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Logits whose ratio differs from class to class. */
const PROBE = [0.3, 2, -1, 0.7, 1.1];

/** The loss of every attempt at `PROBE`, and what it would be towards every class. */
async function losses(params: Record<string, unknown>) {
  const shape: Shape = [4, 4, 3];
  const rng = new Rng('targets');
  const classifier = randomLinear(shape, 5, rng);
  const x = tf.tensor4d(rng.uniform(2 * 48, 0.3, 0.7), [2, ...shape]);
  const logits = tf.tidy(() => classifier.logits(x).arraySync()) as number[][];
  const order = logits.map((z) => [...z.keys()].sort((a, b) => (z[b] as number) - (z[a] as number)));
  const labels = Int32Array.from(order, ([first]) => first as number);
  const inner = createTarget(classifier, 'linear');
  const seen = new Map<string, number>();
  const gradient: Target['gradient'] = (at, loss, whose) => {
    const attempts = whose as readonly Attempt[];
    const values = tf.tidy(() => loss(tf.tensor2d(attempts.map(() => PROBE))).dataSync());
    attempts.forEach(({ row, nth }, i) => {
      seen.set(`${row} ${nth}`, values[i] as number);
    });
    return inner.gradient(at, loss, whose);
  };
  const attack = apgdT.create(apgdT.params.parse({ iterations: 2, ...params }));
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(5, 9) };
  // a radius in which nothing breaks
  const run = { rng, signal: new AbortController().signal, batchSize: 2, sources: new Map() };
  await attack.perturb(batch, { ...inner, passes: inner.passes, gradient }, { norm: 'Linf', eps: 1e-4 }, run);
  const towards = (row: number, rank: number) => {
    const [y, t] = [labels[row], order[row]?.[rank]].map((k) => tf.tensor1d([k as number], 'int32')) as [tf.Tensor1D, tf.Tensor1D];
    return targetedDlr(y, t)(tf.tensor2d([PROBE])).dataSync()[0] as number;
  };
  return { seen, towards };
}

test('one after the other in the order of the clean logits, the most likely wrong one first, with all restarts of each', async () => {
  const { seen, towards } = await losses({ restarts: 2, targets: 3 });
  for (const row of [0, 1]) {
    expect(new Set([1, 2, 3].map((rank) => towards(row, rank).toFixed(3))).size).toBe(3);
    for (const nth of [0, 1, 2, 3, 4, 5]) expect(seen.get(`${row} ${nth}`)).toBeCloseTo(towards(row, 1 + Math.floor(nth / 2)), 5);
  }
  expect(seen.size).toBe(12);
});

test('all but the right one where more are asked for than there are', async () => {
  const { seen } = await losses({ targets: 9 });
  expect([...seen.keys()].sort()).toEqual([0, 1].flatMap((row) => [0, 1, 2, 3].map((nth) => `${row} ${nth}`)));
});
