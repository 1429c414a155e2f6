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
  // not every class need be there, and a mean may be anything finite
  expect(check({ train: split(1, 1), mean: [-3] })).not.toThrow();
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
  [{ mean: [0.5, 0.5] }, 'mean: expected 1 finite numbers, one per channel, got [0.5, 0.5]'],
  [{ mean: undefined }, 'mean: expected 1 finite numbers, one per channel, got [undefined]'],
  [{ std: [-1] }, 'std: expected 1 finite numbers above 0, one per channel, got [-1]'],
  [{ std: [Number.POSITIVE_INFINITY] }, 'std: expected 1 finite numbers above 0, one per channel, got [Infinity]'],
  [{ train: { ...split(), n: -1 } }, 'train.n: expected a number of images, got -1'],
  [{ test: { ...split(0), n: 0.5 } }, 'test.n: expected a number of images, got 0.5'],
  [{ train: split(0, 1, 3) }, 'train.labels[2]: expected 0..2 for 3 classes, got 3'],
  [{ train: split(2, 3) }, 'train.labels[1]: expected 0..2 for 3 classes, got 3'],
  [{ std: [0] }, 'std: expected 1 finite numbers above 0, one per channel, got [0]'],
])('%o is refused', (changes, message) => {
  expect(check(changes)).toThrow(`[data set mine] ${message}`);
});

/** A data set of a plug-in that does not say its shape and classes beforehand: then it is held to be one of images, of some classes. */
const own = (changes: object) => () => {
  const { shape: _, classes: __, ...open } = plugin;
  return checkedDataset(open, { ...right, ...changes } as Dataset);
};

test('where the plug-in names no shape and no classes, those of the data are taken', () => {
  expect(own({})).not.toThrow();
  expect(own({ classNames: ['a', 'b', 'c', 'd'], test: split(3) })).not.toThrow();
});

test.each([
  [[2, 0, 1], '[2, 0, 1]'],
  [[-2, 2, 1], '[-2, 2, 1]'],
  [[2, 2.5, 1], '[2, 2.5, 1]'],
  [[2, 2], '[2, 2]'],
  [[2, 2, 1, 1], '[2, 2, 1, 1]'],
  [undefined, '[undefined]'],
])('sides of %o are no image', (shape, got) => {
  expect(own({ shape })).toThrow(`[data set mine] shape: expected [height, width, channels], got ${got}`);
});

test('an image has at least one pixel and one channel', () => {
  expect(own({ shape: [1, 1, 1] })).not.toThrow();
});

test('no classes are refused', () => {
  expect(own({ classNames: [] })).toThrow('[data set mine] classNames: expected some names, got 0');
  expect(own({ classNames: undefined })).toThrow('[data set mine] classNames: expected some names, got undefined');
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
