import { beforeAll, expect, test } from 'vitest';
import patchPgd from '../../attacks/patch-pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import { Patch } from '../../tensor/norms/patch.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { linearClassifier } from '../contract/linear.ts';

testAttack(patchPgd, { steps: 8, stepSize: 0.25, places: 2 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE: Shape = [6, 6, 1];

/** Class 0 unless the square of side 2 at row 3, column 2 is brighter by more than `least` in all; all else counts against it a little. */
function squareModel() {
  const w = Float32Array.from({ length: 36 }, (_, i) =>
    Math.floor(i / 6) >= 3 && Math.floor(i / 6) < 5 && i % 6 >= 2 && i % 6 < 4 ? 1 : -0.01,
  );
  return linearClassifier(
    SHAPE,
    2,
    Float32Array.from({ length: 72 }, (_, i) => (i % 2 ? 0.5 : -0.5) * (w[i >> 1] as number)),
  );
}

async function attacked(params: Record<string, unknown>, side: number) {
  const classifier = squareModel();
  // dark: the margin is in favour of class 0 as long as the square is
  const x = tf.fill([1, ...SHAPE], 0.1) as tf.Tensor4D;
  const dark = tf.tidy(() => x.mul(0));
  const image = tf.where(
    tf
      .tensor4d(
        Array.from({ length: 36 }, (_, i) => (Math.floor(i / 6) >= 3 && i % 6 >= 2 ? 1 : 0)),
        [1, 6, 6, 1],
      )
      .cast('bool'),
    dark,
    x.mul(9),
  ) as tf.Tensor4D;
  const batch = { x: image, y: tf.tensor1d([0], 'int32'), labels: Int32Array.of(0), ids: Int32Array.of(0) };
  const run = { rng: new Rng('patch'), signal: new AbortController().signal, batchSize: 4, sources: new Map() };
  const plugin = patchPgd.create(patchPgd.params.parse(params));
  const found = await plugin.perturb(batch, createTarget(classifier, 'model'), { norm: 'patch', eps: side }, run);
  const changed = Array.from(found.notEqual(image).dataSync());
  return {
    predicted: classifier.logits(found).argMax(1).dataSync()[0],
    changed,
    size: Patch.size(found.sub(image) as tf.Tensor4D).dataSync()[0],
  };
}

test('the place with the largest gradient is tried first, and its content climbed', async () => {
  const { predicted, changed, size } = await attacked({ steps: 20, stepSize: 0.1, places: 1 }, 2);
  expect(predicted).toBe(1);
  expect(size).toBe(2);
  expect(changed.flatMap((c, i) => (c ? [[Math.floor(i / 6), i % 6]] : []))).toEqual([
    [3, 2],
    [3, 3],
    [4, 2],
    [4, 3],
  ]);
});

test('a patch that stays where it is put breaks nothing from elsewhere', async () => {
  const { predicted, changed } = await attacked({ steps: 20, stepSize: 0.1, places: 2, place: [0, 0] }, 2);
  expect(predicted).toBe(0);
  expect(changed.some(Boolean)).toBe(false);
});
