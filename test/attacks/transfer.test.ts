import { beforeAll, expect, test } from 'vitest';
import type { AttackRun, Batch, Target } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import transfer from '../../attacks/transfer.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { linearClassifier, randomLinear } from '../contract/linear.ts';

testAttack(transfer, { sources: ['source'], steps: 8, restarts: 2, diversity: 0.5 });

const SHAPE: Shape = [8, 8, 3];
const D = 192;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function batchOf(n: number, classifier: { logits(x: tf.Tensor4D): tf.Tensor2D }, rng: Rng): Batch {
  const x = tf.tensor4d(rng.uniform(n * D, 0.3, 0.7), [n, ...SHAPE]);
  const labels = Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync()));
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
}

const runWith = (sources: Record<string, Target>): AttackRun => ({
  rng: new Rng('transfer'),
  signal: new AbortController().signal,
  batchSize: 4,
  sources: new Map(Object.entries(sources)),
});

const create = (params: Record<string, unknown>) => transfer.create(transfer.params.parse(params));

test('the target is asked once per example and restart, and never for a gradient', async () => {
  const rng = new Rng('once');
  const classifier = randomLinear(SHAPE, 3, rng);
  const [target, source] = [createTarget(classifier, 'victim'), createTarget(classifier, 'source')];
  await create({ sources: ['source'], steps: 5 }).perturb(
    batchOf(6, classifier, rng),
    target,
    { norm: 'Linf', eps: 1e-6 },
    runWith({ source }),
  );
  expect(target.passes).toEqual({ forward: 6, backward: 0 });
  expect(source.passes).toEqual({ forward: 30, backward: 30 });
});

test('several sources are climbed by the mean of their logits', async () => {
  // two blind sources, each seeing half of the weights of the victim, make together what the victim itself makes
  const rng = new Rng('halves');
  const weights = rng.normal(D * 2);
  const half = (even: boolean) =>
    linearClassifier(
      SHAPE,
      2,
      weights.map((w, i) => ((Math.floor(i / 2) % 2 === 0) === even ? 2 * w : 0)),
    );
  const victim = linearClassifier(SHAPE, 2, weights);
  const batch = batchOf(5, victim, rng);
  const threat = { norm: 'Linf', eps: 0.02 } as const;
  const target = createTarget(victim, 'victim');
  const alone = create({ sources: ['whole'], steps: 10 });
  const both = create({ sources: ['a', 'b'], steps: 10 });
  const want = await alone.perturb(batch, target, threat, runWith({ whole: target }));
  const got = await both.perturb(batch, target, threat, runWith({ a: createTarget(half(true), 'a'), b: createTarget(half(false), 'b') }));
  expect(Array.from(got.dataSync())).toEqual(Array.from(want.dataSync()));
  const broken = got.sub(batch.x).abs().max([1, 2, 3]).greater(0).sum().dataSync()[0];
  expect(broken).toBeGreaterThan(0);
});

test('an unknown source is refused with the names there are', async () => {
  const rng = new Rng('unknown');
  const classifier = randomLinear(SHAPE, 3, rng);
  const target = createTarget(classifier, 'victim');
  const attempt = create({ sources: ['trade'] }).perturb(
    batchOf(1, classifier, rng),
    target,
    { norm: 'Linf', eps: 0.1 },
    runWith({ trades: target }),
  );
  await expect(attempt).rejects.toThrow('unknown transfer source "trade"; did you mean "trades"? known: trades');
});

test('a source with other classes is refused', async () => {
  const rng = new Rng('classes');
  const classifier = randomLinear(SHAPE, 3, rng);
  const source = createTarget(randomLinear(SHAPE, 4, rng), 'source');
  const attempt = create({ sources: ['source'] }).perturb(
    batchOf(1, classifier, rng),
    createTarget(classifier, 'victim'),
    { norm: 'Linf', eps: 0.1 },
    runWith({ source }),
  );
  await expect(attempt).rejects.toThrow('expected source "source" to take [8,8,3] and give 3 classes, got [8,8,3] and 4');
});
