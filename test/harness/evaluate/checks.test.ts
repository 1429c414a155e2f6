import { beforeAll, expect, test } from 'vitest';
import { budgetTolerance, checkBudget, classFlags, gradientFlags, leakedTensors, logitFlags } from '../../../harness/evaluate/checks.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const names = (flags: { name: string }[]) => flags.map((f) => f.name);
const origin = { attack: 'a', ids: Int32Array.of(7, 8) };
const image = (...pixels: number[][]) => tf.tensor4d(pixels.flat(), [pixels.length, 1, (pixels[0] as number[]).length, 1]);

test('the tolerance is four roundings of each coordinate, added as the norm adds, and a hundred-thousandth of the radius', () => {
  const rounding = 2 ** -22;
  expect(budgetTolerance({ norm: 'Linf', eps: 0.5 }, 100)).toBeCloseTo(rounding + 5e-6, 12);
  expect(budgetTolerance({ norm: 'L2', eps: 0.5 }, 100)).toBeCloseTo(10 * rounding + 5e-6, 12);
  expect(budgetTolerance({ norm: 'L1', eps: 0.5 }, 100)).toBeCloseTo(100 * rounding + 5e-6, 12);
});

test('the distance of every point is in the norm of the threat', async () => {
  const x = image([0.5, 0.5], [0.5, 0.5]);
  const moved = image([0.8, 0.1], [0.5, 0.5]);
  const far = async (norm: 'Linf' | 'L2' | 'L1') => [...(await checkBudget(moved, x, { norm, eps: 1 }, origin))];
  expect(await far('Linf')).toEqual([expect.closeTo(0.4, 6), 0]);
  expect(await far('L2')).toEqual([expect.closeTo(0.5, 6), 0]);
  expect(await far('L1')).toEqual([expect.closeTo(0.7, 6), 0]);
});

test('no points have no distances', async () => {
  const none = tf.zeros<tf.Rank.R4>([0, 1, 2, 1]);
  expect(await checkBudget(none, none, { norm: 'L2', eps: 1 }, origin)).toEqual(new Float32Array(0));
});

test('the box is kept to one rounding on either side, whichever example leaves it', async () => {
  const x = image([0.5], [0.5]);
  const check = (value: number) => checkBudget(image([0.5], [value]), x, { norm: 'Linf', eps: 1 }, origin);
  await expect(check(1)).resolves.toBeDefined();
  await expect(check(-(2 ** -24))).resolves.toBeDefined();
  await expect(check(-(2 ** -23))).rejects.toThrow('[attack a] example 8: expected pixels in [0,1], got [-1.1920928955078125e-7,');
  await expect(check(1 + 2 ** -23)).rejects.toThrow('[attack a] example 8: expected pixels in [0,1], got [1.0000001192092896,');
});

test('a check leaves no tensor behind', async () => {
  const x = image([0.5], [0.5]);
  const before = tf.memory().numTensors;
  await checkBudget(x, x, { norm: 'L1', eps: 1 }, origin);
  await logitFlags(x.reshape([2, 1]));
  await gradientFlags(x);
  expect(tf.memory().numTensors).toBe(before + 1);
});

test('what a run leaves beyond what it returns is counted', async () => {
  const { value, leaked } = await leakedTensors(1, async () => {
    tf.keep(tf.scalar(1));
    tf.keep(tf.scalar(2));
    return tf.scalar(3);
  });
  expect(leaked).toBe(2);
  expect(value.dataSync()[0]).toBe(3);
});

test('only rows between 0 and 1 that sum to 1 are probabilities', async () => {
  const flags = async (...rows: number[][]) => names(await logitFlags(tf.tensor2d(rows)));
  expect(await flags([0.25, 0.75], [1, 0])).toEqual(['probabilities']);
  expect(await flags([0.25, 0.75], [0.5, 0.6])).toEqual([]);
  expect(await flags([0.25, 0.75], [-0.5, 1.5])).toEqual([]);
  expect(await flags([-0.001, 0.5, 0.501])).toEqual([]);
  expect(await flags([0.25, 0.75], [0.5, 0.4])).toEqual([]);
});

test('images without any gradient are counted, and one pixel with one is enough', async () => {
  const flags = await gradientFlags(image([0, 0], [0, -1e-9], [0, 0]));
  expect(flags).toEqual([{ name: 'zero-gradient', detail: expect.stringContaining('on 2 of the first 3 images') }]);
  expect(await gradientFlags(image([0, 1], [2, 0]))).toEqual([]);
});

test('members that the classes are too few for are named', () => {
  expect(classFlags(['a', 'b', 'c'], ['b'], 2)).toEqual([
    { name: 'few-classes', detail: 'a, c left out: 2 classes are too few for the loss' },
  ]);
  expect(classFlags(['a', 'b'], ['a', 'b'], 2)).toEqual([]);
});
