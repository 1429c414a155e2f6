/** Validation against a classifier whose answers are known. */
import { beforeAll, expect, test } from 'vitest';
import { unitFloats } from '../../../datasets/split.ts';
import { validate } from '../../../harness/train/validate.ts';
import type { Classifier } from '../../../models/classifier.ts';
import type { Network } from '../../../models/network.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { linearClassifier } from '../../contract/linear.ts';
import { halves, halvesImages } from './training-data.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Right on the images of `halves` themselves, where its gradient is zero; wrong as soon as one is moved. */
function flatAtTheImages(data: ReturnType<typeof halves>): Pick<Network, 'freeze'> {
  const { n, labels } = data.train;
  const all = tf.tensor4d(unitFloats(halvesImages(n).images), [n, ...data.shape]);
  const wrong = tf.oneHot(
    tf.tensor1d(
      Int32Array.from(labels, (label) => 1 - label),
      'int32',
    ),
    2,
  );
  const right = tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 2);
  const classifier: Pick<Classifier, 'classes' | 'inputShape' | 'logits' | 'dispose'> = {
    classes: 2,
    inputShape: data.shape,
    logits: (x) =>
      tf.tidy(() => {
        const moved = x.sub(all.slice(0, x.shape[0])).square().sum([1, 2, 3]).mul(1e3).expandDims(1);
        return right.slice(0, x.shape[0]).mul(0.1).add(wrong.slice(0, x.shape[0]).mul(moved)) as tf.Tensor2D;
      }),
    dispose() {},
  };
  return { freeze: () => classifier as Classifier };
}

test('PGD starts from noise: it leaves a point at which the gradient is zero, FGSM stays there', async () => {
  const data = halves();
  const found = await validate(
    flatAtTheImages(data) as Network,
    data,
    Int32Array.from({ length: 16 }, (_, i) => i),
    { norm: 'Linf', eps: 0.1 },
    16,
    new Rng('validation'),
  );
  expect(found).toEqual({ clean: 1, fgsm: 1, pgd: 0 });
});

/** The difference of the mean brightness of the halves decides; linear, so that the worst point of every ball is known. */
const brighterHalf = () => {
  const weights = Float32Array.from({ length: 2 * 192 }, (_, i) => {
    const upper = Math.floor(i / 2 / 96) % 2 === 0;
    return (upper === (i % 2 === 0) ? 1 : -1) / 192;
  });
  return { freeze: () => linearClassifier([8, 8, 3], 2, weights) } as Pick<Network, 'freeze'> as Network;
};

/** How far every image of `halves` is from the border in Linf: half the difference of its halves' means. */
function borders(n: number): number[] {
  const pixels = unitFloats(halvesImages(n).images);
  const mean = (from: number) => pixels.subarray(from, from + 96).reduce((sum, v) => sum + v, 0) / 96;
  return Array.from({ length: n }, (_, i) => Math.abs(mean(192 * i) - mean(192 * i + 96)) / 2);
}

test('on a linear model FGSM with a full step and PGD-10 both break the images nearer than eps, and only those', async () => {
  const data = halves();
  const ids = Int32Array.from({ length: 19 }, (_, i) => 29 + i);
  const own = borders(48).slice(29);
  const sorted = [...own].sort((a, b) => a - b);
  for (const place of [4, 9, 15]) {
    const eps = ((sorted[place - 1] as number) + (sorted[place] as number)) / 2;
    const found = await validate(brighterHalf(), data, ids, { norm: 'Linf', eps }, 7, new Rng('validation'));
    expect(found).toEqual({ clean: 1, fgsm: (19 - place) / 19, pgd: (19 - place) / 19 });
  }
});

test('in a norm without gradient steps, images as they are is all there is', async () => {
  const data = halves();
  const wrong = { ...data, train: { ...data.train, labels: data.train.labels.map((label, i) => (i % 3 === 0 ? 1 - label : label)) } };
  const ids = Int32Array.of(3, 4, 5, 6, 7);
  expect(await validate(brighterHalf(), wrong, ids, { norm: 'L1', eps: 9 }, 2, new Rng('validation'))).toEqual({ clean: 3 / 5 });
});

test('it leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  await validate(brighterHalf(), halves(), Int32Array.of(1, 2, 3), { norm: 'L2', eps: 0.5 }, 2, new Rng('validation'));
  expect(tf.memory().numTensors).toBe(before);
});
