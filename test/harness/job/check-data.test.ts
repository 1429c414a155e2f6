import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Dataset, DatasetPlugin, Split } from '../../../datasets/dataset.ts';
import { checkDataset } from '../../../harness/job/check-data.ts';

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

const split = (...labels: number[]): Split => ({
  n: labels.length,
  images: new Uint8Array(4 * labels.length),
  labels: Int32Array.from(labels),
});

const right: Dataset = {
  name: 'mine',
  shape: [2, 2, 1],
  classNames: ['a', 'b', 'c'],
  mean: [0.5],
  std: [0.25],
  train: split(0, 1, 2),
  test: split(2, 2),
};

const check = (changes: object) => () => checkDataset(plugin, { ...right, ...changes } as Dataset);

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
  [
    { train: { ...split(0, 1), images: new Uint8Array(7) } },
    'train.images: expected a Uint8Array of 2 x 2 x 2 x 1 = 8 bytes, got Uint8Array of 7',
  ],
  [
    { train: { ...split(0, 1), images: new Float32Array(8) } },
    'train.images: expected a Uint8Array of 2 x 2 x 2 x 1 = 8 bytes, got Float32Array of 8',
  ],
  [{ train: { ...split(), n: Number.NaN } }, 'train.n: expected a number of images, got NaN'],
  [{ test: undefined }, 'test: expected a split, got undefined'],
  [{ shape: [2, 3, 1] }, 'shape: expected [2, 2, 1], got [2, 3, 1]'],
  [{ classNames: ['a', 'b'] }, 'classNames: expected 3 names, got 2'],
  [{ mean: [Number.NaN] }, 'mean: expected 1 finite numbers, one per channel, got [NaN]'],
  [{ std: [0] }, 'std: expected 1 finite numbers above 0, one per channel, got [0]'],
])('%o is refused', (changes, message) => {
  expect(check(changes)).toThrow(`[data set mine] ${message}`);
});
