/** Transfer of what another attack makes: which points are tried, and what they cost. */
import { beforeAll, expect, test } from 'vitest';
import type { Threat } from '../../attacks/attack.ts';
import { costOf, membersOf } from '../../attacks/members.ts';
import pgd from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import transfer from '../../attacks/transfer.ts';
import { heldSplit } from '../../datasets/split.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { randomLinear } from '../contract/linear.ts';

const SHAPE: Shape = [8, 8, 3];
const D = 192;
const N = 12;
const CLASSES = 5;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Images near grey with the labels that `victim` gives them. */
function dataOf(victim: Classifier) {
  const images = Uint8Array.from(new Rng('images').uniform(N * D, 60, 195));
  const x = tf.tensor4d(
    Float32Array.from(images, (v) => v / 255),
    [N, ...SHAPE],
  );
  const labels = Int32Array.from(tf.tidy(() => victim.logits(x).argMax(1).dataSync()));
  return { x, labels, data: { ...heldSplit({ images, labels }), shape: SHAPE } };
}

const models = () => ({ victim: randomLinear(SHAPE, CLASSES, new Rng('victim')), source: randomLinear(SHAPE, CLASSES, new Rng('source')) });

async function transferred(
  attack: Record<string, unknown>,
  threat: Threat,
  { victim, source }: Record<'victim' | 'source', Classifier>,
  batchSize = 5,
) {
  const { data } = dataOf(victim);
  return evaluate({
    classifier: victim,
    name: 'victim',
    attack: transfer,
    params: transfer.params.parse({ sources: ['source'], attack }),
    threat,
    data,
    clean: '1'.repeat(N),
    rng: new Rng('transfer'),
    batchSize,
    sources: new Map([['source', { classifier: source, name: 'source' }]]),
    signal: new AbortController().signal,
    keepExamples: N,
  });
}

const threat = { norm: 'Linf', eps: 0.05 } as const;

test('the last point on the source is what is tried, whatever source and victim say on the way', async () => {
  const both = models();
  const { x, labels } = dataOf(both.victim);
  const result = await transferred({ name: 'pgd', steps: 4, randomStart: false }, threat, both);
  // the same attack on the source itself
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
  const run = { rng: new Rng('any'), signal: new AbortController().signal, batchSize: N, sources: new Map() };
  const points = await pgd
    .create(pgd.params.parse({ steps: 4, randomStart: false, decides: 'last' }))
    .perturb(batch, createTarget(both.source, 'source'), threat, run);
  const predicted = Array.from(both.victim.logits(points).argMax(1).dataSync());
  expect(result.robust).toBe(predicted.map((p, i) => (p === labels[i] ? '1' : '0')).join(''));
  expect(result.robust).toContain('0');
  const flat = points.arraySync() as number[][][][];
  const kept = result.examples as { ids: number[]; adversarial: Float32Array };
  kept.ids.forEach((id, i) => {
    expect([...kept.adversarial.slice(i * D, (i + 1) * D)]).toEqual((flat[id] as number[][][]).flat(2));
  });
  // what stays right comes back as it was
  expect(result.distances.map((d) => d > 0)).toEqual([...result.robust].map((r) => r === '0'));
  // the source errs on most images before any step, and is still climbed on
  expect(result.passes).toEqual({ forward: N * (4 + 1 + 1), backward: N * 4 });
});

test.each([
  [{ name: 'fgsm' }],
  [{ name: 'pgd', steps: 3, restarts: 2 }],
  [{ name: 'cw', steps: 3 }],
  [{ name: 'square', queries: 5 }],
  [{ name: 'autoattack' }],
])('%j costs what the plan expects where nothing breaks, in passes of any size', async (attack) => {
  const victim = randomLinear(SHAPE, CLASSES, new Rng('victim'));
  const tiny = { norm: 'Linf', eps: 1e-7 } as const;
  const params = transfer.params.parse({ sources: ['source'], attack });
  const { forward, backward } = costOf(membersOf(transfer, params, tiny, CLASSES), CLASSES, 'Linf');
  const result = await transferred(attack, tiny, { victim, source: victim });
  expect({ forward: result.passes.forward / N, backward: result.passes.backward / N }).toEqual({ forward, backward });
});

test('an ensemble goes on with what the source still has right, and its finds are tried on the victim', async () => {
  const source = randomLinear(SHAPE, CLASSES, new Rng('victim'));
  const attack = { name: 'autoattack', version: 'rand' };
  const result = await transferred(attack, { norm: 'Linf', eps: 0.2 }, { victim: source, source });
  expect(result.robust).toBe('0'.repeat(N));
  // all break under the first member: one look in each, and one of the victim
  const { forward } = costOf(membersOf(transfer, transfer.params.parse({ sources: ['source'], attack }), threat, CLASSES), CLASSES, 'Linf');
  expect(result.passes.forward / N).toBeLessThan(forward / 20);
});

test('outcomes do not depend on the batch size, of a random source either', async () => {
  const { victim, source } = models();
  /** Adds noise of each row's own generator to its logits. */
  const random: Classifier = {
    ...source,
    randomized: true,
    logits: (x, draws) =>
      tf.tidy(() => {
        const noise = (draws ?? []).flatMap((rng) => [...rng.normal(CLASSES)]);
        return source.logits(x).add(tf.tensor2d(noise, [x.shape[0], CLASSES])) as tf.Tensor2D;
      }),
  };
  for (const attack of [
    { name: 'pgd', steps: 3, restarts: 2 },
    { name: 'autoattack', version: 'rand' },
  ]) {
    const [a, b] = [
      await transferred(attack, threat, { victim, source: random }, 12),
      await transferred(attack, threat, { victim, source: random }, 3),
    ];
    expect(b.robust).toBe(a.robust);
    expect(b.distances).toEqual(a.distances);
    expect(b.passes).toEqual(a.passes);
  }
});

test('several sources are one for it', async () => {
  const { victim, source } = models();
  const { data } = dataOf(victim);
  const run = (sources: string[]) =>
    evaluate({
      classifier: victim,
      name: 'victim',
      attack: transfer,
      params: transfer.params.parse({ sources, attack: { name: 'autoattack' } }),
      threat,
      data,
      clean: '1'.repeat(N),
      rng: new Rng('transfer'),
      batchSize: 5,
      sources: new Map(['a', 'b'].map((name) => [name, { classifier: source, name }])),
      signal: new AbortController().signal,
    });
  const [one, two] = [await run(['a']), await run(['a', 'b'])];
  expect(two.robust).toBe(one.robust);
  expect(two.passes.forward - one.passes.forward).toBe(one.passes.forward - N);
});

test('without an attack the parameters are those that they were, and both at once are refused', () => {
  expect(transfer.params.parse({ sources: ['a'] })).toStrictEqual({
    sources: ['a'],
    steps: 20,
    momentum: 1,
    diversity: 0,
    smallest: 0.9,
    restarts: 1,
    loss: 'ce',
  });
  const parsed = transfer.params.parse({ sources: ['a'], attack: { name: 'pgd', steps: 3 } });
  expect(parsed).toStrictEqual({ sources: ['a'], attack: { name: 'pgd', steps: 3 } });
  expect(transfer.params.parse(parsed)).toStrictEqual(parsed);
  const refused = transfer.params.safeParse({ sources: ['a'], attack: { name: 'pgd' }, steps: 3, momentum: 0 });
  expect(refused.error?.issues.map(({ path }) => path)).toEqual([['steps'], ['momentum']]);
});

test('what makes examples on others itself makes none for it', () => {
  const params = { sources: ['a'], attack: { name: 'transfer', sources: ['b'] } };
  expect(() => membersOf(transfer, params, threat, CLASSES)).toThrow('expected an attack that makes its own examples, got "transfer"');
});
