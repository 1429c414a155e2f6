import { expect, test } from 'vitest';
import { restoreRemovedUtil } from '../../engines/tensorflow.ts';

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
