/** Validation against a classifier whose answers are known. */
import { beforeAll, expect, test } from 'vitest';
import { unitFloats } from '../../../datasets/split.ts';
import { validate } from '../../../harness/train/validate.ts';
import type { Classifier } from '../../../models/classifier.ts';
import type { Network } from '../../../models/network.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
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
