/** The loss that suits a model is found on a few images: on logits that saturate cross-entropy, on those that do not, and on few classes. */
import { beforeAll, expect, test } from 'vitest';
import adaptiveLoss from '../../attacks/adaptive-loss.ts';
import apgdCe from '../../attacks/apgd-ce.ts';
import type { AttackRun, Batch } from '../../attacks/attack.ts';
import { membersOf } from '../../attacks/members.ts';
import { scaledCrossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { linearClassifier, randomLinear } from '../contract/linear.ts';
import { input, pixels } from '../harness/toy.ts';

testAttack(adaptiveLoss, { iterations: 6, trialIterations: 2 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE = [4, 4, 3] as const;
const run = (): AttackRun => ({ rng: new Rng('run'), signal: new AbortController().signal, batchSize: 3, sources: new Map() });

/** A linear model whose logits are `scale` times those of another, and images that both get right. */
function scaled(scale: number, classes = 5) {
  const one = randomLinear(SHAPE, classes, new Rng('weights'));
  const bias = tf.tidy(() => one.logits(tf.zeros([1, ...SHAPE])).dataSync() as Float32Array);
  const classifier = linearClassifier(
    SHAPE,
    classes,
    one.weights.map((w) => scale * w),
    bias.map((b) => scale * b),
  );
  const x = tf.tensor4d(new Rng('images').uniform(8 * 48), [8, ...SHAPE]);
  const labels = Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync()));
  const batch: Batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
  return { classifier, batch };
}

async function brokenOf(plugin: typeof apgdCe, scale: number) {
  const { classifier, batch } = scaled(scale);
  const threat = { norm: 'Linf', eps: 0.25 } as const;
  const attack = plugin.create(plugin.params.parse({ iterations: 20 }));
  const target = () => createTarget(classifier, 'victim');
  const fitted = await attack.fit?.(batch, target(), threat, run());
  const found = await (fitted?.attack ?? attack).perturb(batch, target(), threat, run());
  const predicted = tf.tidy(() => classifier.logits(found).argMax(1).dataSync());
  return { choice: fitted?.choice, broken: batch.labels.filter((label, i) => label !== predicted[i]).length };
}

test('cross-entropy, which is tried first, is kept where it does as well as any', async () => {
  expect(await brokenOf(adaptiveLoss, 1)).toEqual({ choice: 'ce', broken: 8 });
});

test('where the scale of the logits leaves cross-entropy without a gradient, another loss is chosen, and breaks what it does not', async () => {
  const plain = await brokenOf(apgdCe, 1e6);
  const chosen = await brokenOf(adaptiveLoss, 1e6);
  expect(plain.broken).toBeLessThan(4);
  expect(chosen).toEqual({ choice: 'scaled-ce', broken: 8 });
});

test('the gradient of cross-entropy of scaled logits has the same direction whatever their scale', () => {
  const logits = tf.tensor2d([
    [3, 1, -2],
    [0.5, 4, 0],
  ]);
  const y = tf.tensor1d([0, 1], 'int32');
  const direction = (scale: number) => {
    const grad = tf.grad((z: tf.Tensor) => scaledCrossEntropy(y)(z as tf.Tensor2D).sum())(logits.mul(scale));
    return Array.from(grad.div(grad.abs().max()).dataSync());
  };
  const [one, large] = [direction(1), direction(1e6)];
  one.forEach((value, i) => {
    expect(large[i]).toBeCloseTo(value, 4);
  });
  // by hand: of logits 0, 10, 4 above the smallest, softmax less the label
  const e = [3, 1, -2].map((z) => Math.exp(2 * z));
  const total = e.reduce((a, b) => a + b);
  const grad = tf
    .grad((z: tf.Tensor) => scaledCrossEntropy(y)(z as tf.Tensor2D).sum())(logits)
    .arraySync() as number[][];
  expect(grad[0]?.[1]).toBeCloseTo((2 * (e[1] as number)) / total, 6);
  expect(grad[0]?.[0]).toBeCloseTo(2 * ((e[0] as number) / total - 1), 6);
});

test('losses that the classes do not define are refused', async () => {
  const { classifier, batch } = scaled(1, 2);
  const attack = adaptiveLoss.create(adaptiveLoss.params.parse({ losses: ['dlr'] }));
  const fit = attack.fit?.(batch, createTarget(classifier, 'victim'), { norm: 'Linf', eps: 0.1 }, run());
  await expect(fit).rejects.toThrow('expected a loss that 2 classes define, got dlr');
});

test('the harness fits once, on the first right images, notes the choice and counts its passes as overhead', async () => {
  // 0.45, 0.33 and 0.22: the boundary is 0.05, 0.17 and 0.28 away
  const given = { threat: { norm: 'Linf', eps: 0.2 }, params: { iterations: 2, trialIterations: 1, trialImages: 2 } } as const;
  const whole = await evaluate(input(adaptiveLoss, pixels(115, 84, 56), given));
  expect(whole.robust).toBe('001');
  expect(whole.choice).toBe('ce');
  // two images, four losses that two classes define: two looks of each on the way and one at the best point, and one at first
  expect(whole.overhead).toEqual({ forward: 2 * (1 + 4 * 3), backward: 2 * 4 * 2 });
  const single = await evaluate(input(adaptiveLoss, pixels(115, 84, 56), { ...given, batchSize: 1 }));
  expect({ ...single, overhead: undefined }).toEqual({ ...whole, overhead: undefined });
});

test('no attack runs it on another model', () => {
  const transfer = { name: 'adaptive-loss' };
  expect(() => membersOf(adaptiveLoss, {}, { norm: 'Linf', eps: 0.1 }, 10)).not.toThrow();
  const outer = { ...apgdCe, name: 'outer', inner: true as const, params: adaptiveLoss.params };
  const parsed = { ...outer, params: { safeParse: () => ({ success: true, data: { attack: transfer } }) } as never };
  expect(() => membersOf(parsed, {}, { norm: 'Linf', eps: 0.1 }, 10)).toThrow('not fitted to the attacked model');
});
