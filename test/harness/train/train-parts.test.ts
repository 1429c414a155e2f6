/** The pieces of the training loop against hand-worked numbers and PyTorch's. */
import { beforeAll, describe, expect, test } from 'vitest';
import { heldSplit, unitFloats } from '../../../datasets/split.ts';
import { recipeSchema } from '../../../harness/suite/recipe.ts';
import { augmented, cropFlip, plainImages } from '../../../harness/train/augment.ts';
import { AdamW, clipGradients, MovingAverage, optimizerOf, Sgd } from '../../../harness/train/optimizer.ts';
import { Stepper, smoothedCrossEntropy } from '../../../harness/train/step.ts';
import { overfitsCatastrophically } from '../../../harness/train/validate.ts';
import { createNetwork } from '../../../models/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { trainingBatch } from '../../contract/defense.ts';
import { largestDifference } from '../../golden.ts';
import { halves } from './training-data.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const close = (got: ArrayLike<number>, want: readonly number[]) =>
  want.forEach((w, i) => {
    expect(got[i]).toBeCloseTo(w, 6);
  });

// torch: SGD(lr=0.1, momentum=0.9, weight_decay=0.01) after clip_grad_norm_(6.5), two steps
test('SGD with momentum, weight decay and clipping is that of PyTorch', () => {
  const params = new Map([
    ['w', tf.variable(tf.tensor1d([1, -2]))],
    ['b', tf.variable(tf.tensor1d([0.5]))],
  ]);
  const sgd = new Sgd(params, { momentum: 0.9, weightDecay: 0.01 });
  for (const [w, b] of [
    [[3, 4], [12]],
    [[1, 0], [0]],
  ] as const)
    sgd.step(
      clipGradients(
        new Map([
          ['w', tf.tensor1d([...w])],
          ['b', tf.tensor1d([...b])],
        ]),
        6.5,
      ),
      0.1,
    );
  close(params.get('w')?.dataSync() ?? [], [0.612251, -2.374002]);
  close(params.get('b')?.dataSync() ?? [], [-0.6408494]);
});

// torch: AdamW(betas=(0.8, 0.95), weight_decay=0.05), three steps at 0.1, 0.1 and 0.01
test('AdamW is that of PyTorch: corrected averages, and a decay of its own', () => {
  const params = new Map([
    ['w', tf.variable(tf.tensor1d([1, -2]))],
    ['b', tf.variable(tf.tensor1d([0.5]))],
  ]);
  const adamw = new AdamW(params, { betas: [0.8, 0.95], weightDecay: 0.05 });
  const steps = [
    { w: [3, 4], b: [12], rate: 0.1, want: [0.895, -2.09, 0.3975] },
    { w: [1, 0], b: [0], rate: 0.1, want: [0.8051714, -2.1432257, 0.3318369] },
    { w: [-2, 0.5], b: [1e-6], rate: 0.01, want: [0.8033903, -2.1476803, 0.3270079] },
  ];
  for (const [i, { w, b, rate, want }] of steps.entries()) {
    adamw.step(
      new Map([
        ['w', tf.tensor1d(w)],
        ['b', tf.tensor1d(b)],
      ]),
      rate,
      i,
    );
    close(
      [...params.values()].flatMap((v) => [...v.dataSync()]),
      want,
    );
  }
});

test('the averages of AdamW are 0.9 and 0.999 unless given, and leave nothing behind', () => {
  const before = tf.memory().numTensors;
  const recipe = recipeSchema.parse({ optimizer: 'adamw', weightDecay: 0 });
  const params = new Map([['w', tf.tidy(() => tf.variable(tf.tensor1d([1])))]]);
  const optimizer = optimizerOf(recipe, params);
  tf.tidy(() => optimizer.step(new Map([['w', tf.tensor1d([2])]]), 0.1, 0));
  close(optimizer.velocities.get('w')?.dataSync() ?? [], [0.2]);
  close(optimizer.squares?.get('w')?.dataSync() ?? [], [0.004]);
  optimizer.dispose();
  tf.dispose([...params.values()]);
  expect(tf.memory().numTensors).toBe(before);
});

test('label smoothing is that of PyTorch', () => {
  const logits = tf.tensor2d([
    [1, 2, 0],
    [0, 0, 3],
  ]);
  close(smoothedCrossEntropy(logits, tf.tensor1d([0, 2], 'int32'), 0.1).dataSync(), [0.8512643]);
});

test('the moving average starts fast and is swapped in and out', () => {
  const w = tf.variable(tf.scalar(0));
  const average = new MovingAverage(new Map([['w', w]]), 0.5);
  w.assign(tf.scalar(1));
  average.update(); // decay 1/10
  average.update(); // decay 2/11
  const want = 1 - (1 / 10) * (2 / 11);
  average.swap();
  close(w.dataSync(), [want]);
  average.swap();
  close(w.dataSync(), [1]);
});

describe('crop and flip', () => {
  const shape = [4, 4, 1] as const;
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const plain = unitFloats(bytes);
  /** All 2 * 9 * 9 outcomes that there can be, as strings. */
  const possible = new Set<string>();
  for (let down = -4; down <= 4; down++)
    for (let right = -4; right <= 4; right++)
      for (const flip of [false, true]) {
        const rows = Array.from({ length: 4 }, (_, y) => {
          const row = Array.from({ length: 4 }, (_, x) => {
            const [sy, sx] = [y + down, x + right];
            return sy < 0 || sy > 3 || sx < 0 || sx > 3 ? 0 : sy * 4 + sx + 1;
          });
          return flip ? row.reverse() : row;
        });
        possible.add(rows.flat().join());
      }

  test('gives exactly the crops of the padded image and their mirror images', () => {
    const rng = new Rng('crops');
    const seen = new Set<string>();
    for (let i = 0; i < 4000; i++) {
      const pixels = cropFlip(plain, shape, Int32Array.of(0), rng.fork(i));
      seen.add([...pixels].map((v) => Math.round(v * 255)).join());
    }
    expect([...seen].filter((s) => !possible.has(s))).toEqual([]);
    expect(seen.size).toBe(possible.size);
  });

  test('flips half of the images', () => {
    const wide = unitFloats(Uint8Array.from({ length: 256 }, (_, i) => 10 * (i % 16)));
    const rightwards = Array.from({ length: 4000 }, (_, i) => {
      const pixels = cropFlip(wide, [16, 16, 1], Int32Array.of(0), new Rng(`flip ${i}`));
      // a crop moves an image by 4 pixels at most: the middle is never black
      return (pixels[8 * 16 + 8] as number) > (pixels[8 * 16 + 7] as number);
    });
    const flipped = rightwards.filter((right) => !right).length;
    expect(Math.abs(flipped / 4000 - 0.5)).toBeLessThan(0.03);
  });

  test('the flip alone gives the image or its mirror image, each half of the time', () => {
    const rows = [0, 4, 8, 12].map((from) => [1, 2, 3, 4].map((v) => from + v));
    const mirrored = rows.flatMap((row) => [...row].reverse()).join();
    const seen = Array.from({ length: 2000 }, (_, i) => {
      const pixels = augmented('flip', plain, shape, Int32Array.of(0), new Rng(`mirror ${i}`));
      return [...pixels].map((v) => Math.round(v * 255)).join();
    });
    expect([...new Set(seen)].sort()).toEqual([rows.flat().join(), mirrored].sort());
    expect(Math.abs(seen.filter((s) => s === mirrored).length / 2000 - 0.5)).toBeLessThan(0.05);
  });

  test('the flip of an image keeps channels together and does not depend on its batch', () => {
    const two = Float32Array.from({ length: 2 * 8 }, (_, i) => i);
    const of = (pixels: Float32Array, ids: number[], rng: Rng) => [...augmented('flip', pixels, [1, 4, 2], Int32Array.from(ids), rng)];
    for (let i = 0; i < 20; i++) {
      const both = of(two, [5, 9], new Rng(`pair ${i}`));
      const second = of(two.slice(8), [9], new Rng(`pair ${i}`));
      expect(both.slice(8)).toEqual(second);
      expect([
        [8, 9, 10, 11, 12, 13, 14, 15],
        [14, 15, 12, 13, 10, 11, 8, 9],
      ]).toContainEqual(second);
    }
  });

  test('none leaves the pixels as bytes over 255', async () => {
    const pixels = await plainImages(heldSplit({ images: bytes, labels: new Int32Array(1) }), Int32Array.of(0));
    expect([...pixels]).toEqual([...Float32Array.from(bytes, (b) => b / 255)]);
  });
});

describe('catastrophic overfitting', () => {
  const epoch = (validationFgsm: number, validationPgd: number) => ({ validationFgsm, validationPgd });
  test('is PGD accuracy under half its best while that under FGSM does not fall', () =>
    expect(overfitsCatastrophically([epoch(0.4, 0.35), epoch(0.7, 0.02)])).toBe(true));
  test('is not a bad epoch in which both fall', () => expect(overfitsCatastrophically([epoch(0.4, 0.35), epoch(0.2, 0.02)])).toBe(false));
  test('is not robustness that never was', () => expect(overfitsCatastrophically([epoch(0.2, 0.05), epoch(0.3, 0.01)])).toBe(false));
  test('passes over epochs without a validation', () =>
    expect(overfitsCatastrophically([epoch(0.4, 0.35), {}, epoch(0.7, 0.02)])).toBe(true));
});

test('the same tensor forward again is one pass and moves the batch statistics twice', async () => {
  const { shape, classNames, mean, std } = halves();
  const network = () => createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
  const [shared, plain] = [network(), network()];
  const batch = trainingBatch();
  const other = tf.tidy(() => batch.x.mul(0.5)) as tf.Tensor4D;
  const order = [batch.x, other, batch.x, batch.x, other];
  for (const x of order) tf.dispose({ ...tf.tidy(() => plain.forward(x, { training: true })) });
  const recipe = recipeSchema.parse({});
  const training = {
    craft: async () => ({}),
    objective(_b: unknown, _c: unknown, ctx: { forward(x: tf.Tensor4D): { logits: tf.Tensor2D } }) {
      const logits = order.map((x) => ctx.forward(x).logits);
      return { loss: tf.addN(logits).mean() as tf.Scalar, logits: logits[0] as tf.Tensor2D, terms: {} };
    },
  };
  const stepper = new Stepper({ name: 'repeat', network: shared, training, threat: { norm: 'Linf', eps: 0.1 }, recipe });
  await stepper.step(batch, { epoch: 0, step: 0, progress: 0, learningRate: 0 });
  expect(stepper.passes).toEqual({ forward: 16, backward: 16 });
  for (const [name, buffer] of plain.buffers)
    expect(largestDifference(buffer, shared.buffers.get(name) as tf.Tensor), name).toBeLessThan(1e-6);
});
