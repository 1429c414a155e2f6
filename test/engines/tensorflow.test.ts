import { expect, test } from 'vitest';
import { placeOf, restoreRemovedUtil } from '../../engines/tensorflow/index.ts';

test('functions that Node 23 removed from node:util are put back', () => {
  const util: Record<string, (value: unknown) => boolean> = {};
  restoreRemovedUtil(util);
  const answers = [null, undefined, 0, ''].map((v) => util.isNullOrUndefined?.(v));
  expect(answers).toEqual([true, true, false, false]);
  expect([[1], { length: 1 }].map((v) => util.isArray?.(v))).toEqual([true, false]);
});

test('functions that are there are left alone', () => {
  const isArray = () => true;
  const util: Record<string, unknown> = { isArray };
  restoreRemovedUtil(util);
  expect(util.isArray).toBe(isArray);
});

test('a GPU that TensorFlow does not find is said, and is not called the device', () => {
  expect(placeOf('cuda:0', { isUsingGpuDevice: false })).toEqual({
    device: 'cpu',
    warnings: ['TensorFlow found no GPU for cuda:0 and runs on the CPU'],
  });
  expect(placeOf('cuda:0', { isUsingGpuDevice: true })).toEqual({ device: 'cuda:0', warnings: [] });
  expect(placeOf('cpu', { isUsingGpuDevice: false })).toEqual({ device: 'cpu', warnings: [] });
});
