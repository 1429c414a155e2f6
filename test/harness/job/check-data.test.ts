import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Dataset, DatasetPlugin, Split } from '../../../datasets/dataset.ts';
import { heldSplit } from '../../../datasets/split.ts';
import { checkedDataset } from '../../../harness/job/check-data.ts';

const plugin: DatasetPlugin = {
  name: 'mine',
  title: '',
  source: '',
  version: 1,
  shape: [2, 2, 1],
  classes: 3,
  params: z.strictObject({}),
  load: () => Promise.reject(),
  check: () => Promise.reject(),
};

const split = (...labels: number[]): Split => heldSplit({ images: new Uint8Array(4 * labels.length), labels: Int32Array.from(labels) });

const right: Dataset = {
  name: 'mine',
  shape: [2, 2, 1],
  classNames: ['a', 'b', 'c'],
  mean: [0.5],
  std: [0.25],
  train: split(0, 1, 2),
  test: split(2, 2),
};

const check = (changes: object) => () => checkedDataset(plugin, { ...right, ...changes } as Dataset);

test('a right data set is taken, one without training images too', () => {
  expect(check({})).not.toThrow();
  expect(check({ train: split() })).not.toThrow();
});

test('labels that start at 1 are told so', () => {
  expect(check({ train: split(1, 3, 2) })).toThrow(
    "[data set mine] train.labels: expected 0..2, got 1..3: these start at 1, labels start at 0; mend the plug-in's load()",
  );
});

test.each([
  [{ test: split(0, 3) }, 'test.labels[1]: expected 0..2 for 3 classes, got 3'],
  [{ test: split(0, -1) }, 'test.labels[1]: expected 0..2 for 3 classes, got -1'],
  [{ train: { ...split(0, 1), labels: Uint8Array.of(0, 1) } }, 'train.labels: expected an Int32Array of 2, got Uint8Array of 2'],
  [{ train: { ...split(0, 1), labels: Int32Array.of(0) } }, 'train.labels: expected an Int32Array of 2, got Int32Array of 1'],
  [{ train: { ...split(0, 1), read: undefined } }, 'train.read: expected a function, got undefined'],
  [{ train: { ...split(), n: Number.NaN } }, 'train.n: expected a number of images, got NaN'],
  [{ test: undefined }, 'test: expected a split, got undefined'],
  [{ shape: [2, 3, 1] }, 'shape: expected [2, 2, 1], got [2, 3, 1]'],
  [{ classNames: ['a', 'b'] }, 'classNames: expected 3 names, got 2'],
  [{ mean: [Number.NaN] }, 'mean: expected 1 finite numbers, one per channel, got [NaN]'],
  [{ std: [0] }, 'std: expected 1 finite numbers above 0, one per channel, got [0]'],
])('%o is refused', (changes, message) => {
  expect(check(changes)).toThrow(`[data set mine] ${message}`);
});

const reading = (pixels: unknown) =>
  checkedDataset(plugin, { ...right, test: { ...split(0, 1, 2), read: async () => pixels as Uint8Array } }).test.read([2, 0]);

test('bytes and floats in [0,1] are taken as they are read', async () => {
  const floats = Float32Array.from({ length: 8 }, (_, i) => i / 7);
  expect(await reading(new Uint8Array(8).fill(255))).toEqual(new Uint8Array(8).fill(255));
  expect(await reading(floats)).toBe(floats);
});

test.each([
  ['too few', new Uint8Array(7), 'test.read: expected a Uint8Array or Float32Array of 2 x 2 x 2 x 1 = 8 values, got Uint8Array of 7'],
  [
    'of another type',
    new Float64Array(8),
    'test.read: expected a Uint8Array or Float32Array of 2 x 2 x 2 x 1 = 8 values, got Float64Array of 8',
  ],
  ['none', undefined, 'test.read: expected a Uint8Array or Float32Array of 2 x 2 x 2 x 1 = 8 values, got undefined'],
  ['above 1', Float32Array.of(0, 0, 0, 0, 0, 1.5, 0, 0), 'test: image 0: expected pixels in [0,1], got 1.5'],
  ['not a number', Float32Array.of(0, Number.NaN, 0, 0, 0, 0, 0, 0), 'test: image 2: expected pixels in [0,1], got NaN'],
])('pixels that are %s are refused when they are read', async (_what, pixels, message) => {
  await expect(reading(pixels)).rejects.toThrow(`[data set mine] ${message}`);
});
