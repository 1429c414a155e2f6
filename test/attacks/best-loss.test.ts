/** What searches on a loss that is above zero at errors alone tell of the examples that they left. */
import { beforeAll, expect, test } from 'vitest';
import apgdCe from '../../attacks/apgd-ce.ts';
import apgdDlr from '../../attacks/apgd-dlr.ts';
import apgdMalt from '../../attacks/apgd-malt.ts';
import apgdPm from '../../attacks/apgd-pm.ts';
import type { AttackPlugin, Loss, Target } from '../../attacks/attack.ts';
import { probabilityMargin } from '../../attacks/parts/losses.ts';
import { answering, createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { randomLinear } from '../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** At a radius that breaks some of the examples: the highest loss asked about, by row, and what the attack told. */
async function told(plugin: AttackPlugin, params: Record<string, unknown>, batchSize: number) {
  const n = 12;
  const classifier = randomLinear([2, 2, 1], 5, new Rng('weights'));
  const x = tf.tensor4d(new Rng('images').uniform(n * 4), [n, 2, 2, 1]);
  const labels = Int32Array.from(classifier.logits(x).argMax(1).dataSync());
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels, (_, i) => i) };
  const highest = new Array<number>(n).fill(Number.NEGATIVE_INFINITY);
  const inner = createTarget(classifier, 'linear');
  const gradient: Target['gradient'] = (points, loss: Loss, whose = []) => {
    const seen = inner.gradient(points, loss, whose);
    const values = seen.loss.dataSync();
    whose.forEach(({ row }, i) => {
      highest[row] = Math.max(highest[row] as number, values[i] as number);
    });
    return seen;
  };
  const target = answering(inner, { ...inner, gradient });
  const reached = new Map<number, number>();
  const run = {
    rng: new Rng('run'),
    signal: new AbortController().signal,
    batchSize,
    sources: new Map(),
    bestLoss: (row: number, loss: number) => void reached.set(row, Math.max(loss, reached.get(row) ?? Number.NEGATIVE_INFINITY)),
  };
  const found = await plugin.create(plugin.params.parse(params)).perturb(batch, target, { norm: 'Linf', eps: 0.04 }, run);
  const right = Array.from(classifier.logits(found).argMax(1).dataSync(), (p, i) => p === labels[i]);
  return { reached, highest, right, rows: right.flatMap((r, i) => (r ? [i] : [])), batch, classifier };
}

test.each([
  ['apgd-pm', apgdPm, { iterations: 8, restarts: 2, untilCertain: true }],
  ['apgd-dlr', apgdDlr, { iterations: 8 }],
  ['apgd-malt', apgdMalt, { iterations: 8, targets: 3, untilCertain: true }],
] as const)('%s tells the highest loss of every example that it left, and none above zero', async (_, plugin, params) => {
  for (const batchSize of [1, 3, 16]) {
    const { reached, highest, rows } = await told(plugin, params, batchSize);
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.length).toBeLessThan(12);
    for (const row of rows) expect(reached.get(row)).toBe(highest[row]);
    for (const row of rows) expect(highest[row]).toBeLessThanOrEqual(0);
  }
});

test('a loss that is no measure of errors is not told', async () => {
  const { reached, rows } = await told(apgdCe, { iterations: 8 }, 4);
  expect(rows.length).toBeGreaterThan(2);
  expect([...reached]).toEqual([]);
});

test('the nearest is the one whose probabilities are', async () => {
  const { reached, rows, batch, classifier } = await told(apgdPm, { iterations: 8 }, 16);
  const clean = probabilityMargin(batch.y)(classifier.logits(batch.x)).dataSync();
  for (const row of rows) expect(reached.get(row)).toBeGreaterThan(clean[row] as number);
});
