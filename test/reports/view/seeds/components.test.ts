/** Components of variance by hand, and the intervals that follow from them. */
import { expect, test } from 'vitest';
import { wilson, Z95 } from '../../../../records/stats.ts';
import { accuracyInterval, componentsOf, halfWidth, pValueOf } from '../../../../reports/view/seeds/components.ts';

test('two seeds on three images, by hand', () => {
  // means of seeds 2/3 and 1/3, of images 1, 1/2 and 0; squares: in all 6/4, by seeds 3 * 2/36 = 1/6, by images 2 * 1/2 = 1, so the rest 1/3 of 2
  const c = componentsOf([
    [1, 1, 0],
    [1, 0, 0],
  ]);
  expect(c).toMatchObject({ images: 3, freedom: 1 });
  expect(c.mean).toBeCloseTo(1 / 2, 12);
  expect(c.bySeeds).toBeCloseTo(1 / 6 / 6, 12);
  expect(c.byImages).toBeCloseTo((1 / 2 - 1 / 6) / 6, 12);
});

test('where images do not differ, the interval is the t interval of the means of seeds', () => {
  const c = { mean: 0.5, images: 100, bySeeds: 0.02 ** 2 / 3, freedom: 2, byImages: 0 };
  expect(halfWidth(c)).toBeCloseTo((4.302652729749 * 0.02) / Math.sqrt(3), 9);
});

test('where seeds do not differ, it is that of images', () => {
  const c = { mean: 0.5, images: 100, bySeeds: 1e-12, freedom: 2, byImages: 0.25 / 100 };
  expect(halfWidth(c)).toBeCloseTo((Z95 * 0.5) / 10, 4);
  expect(halfWidth({ ...c, bySeeds: 0 })).toBeCloseTo((Z95 * 0.5) / 10, 12);
});

test('one seed has the Wilson interval of its images, and so have seeds that agree', () => {
  const outcomes = [1, 1, 1, 0, 0, 1, 0, 1, 1, 1];
  expect(accuracyInterval(componentsOf([outcomes]))).toEqual(wilson(7, 10));
  const [low, high] = accuracyInterval(componentsOf([outcomes.map(() => 0), outcomes.map(() => 0)]));
  expect([low, high]).toEqual(wilson(0, 10));
});

test('seeds that scatter widen the interval, and more of them narrow it', () => {
  const seed = (right: number) => Array.from({ length: 100 }, (_, i) => (i < right ? 1 : 0));
  const width = (...rights: number[]) => {
    const [low, high] = accuracyInterval(componentsOf(rights.map(seed)));
    return high - low;
  };
  expect(width(50, 50, 50)).toBeCloseTo(width(50), 2);
  expect(width(45, 50, 55)).toBeGreaterThan(width(49, 50, 51));
  expect(width(45, 45, 50, 55, 55, 45, 55)).toBeLessThan(width(45, 50, 55));
});

test('the p-value is that of the interval that ends at nothing', () => {
  const c = { mean: 0.03, images: 400, bySeeds: 0.0001, freedom: 2, byImages: 0.0004 };
  const at95 = { ...c, mean: halfWidth(c) };
  expect(pValueOf(at95)).toBeCloseTo(0.05, 7);
  expect(pValueOf({ ...c, mean: -halfWidth(c, 3) })).toBeCloseTo(0.0026998, 6);
  expect(pValueOf({ ...c, mean: 0 })).toBe(1);
});
