/** Student's t and the normal distribution, held to tables and closed forms. */
import { expect, test } from 'vitest';
import { lnGamma, quantileOfT, tailOfT } from '../../../../reports/view/seeds/student.ts';

const NORMAL = Number.POSITIVE_INFINITY;

test.each([
  [1, 12.7062047],
  [2, 4.30265273],
  [4, 2.77644511],
  [30, 2.04227246],
  [NORMAL, 1.95996398],
])('95 %% of t of %d degrees of freedom lie within %d', (df, t) => {
  expect(quantileOfT(0.05, df)).toBeCloseTo(t, 7);
  expect(tailOfT(t, df)).toBeCloseTo(0.05, 8);
});

test('one and two degrees of freedom have closed forms, far into the tails', () => {
  for (const t of [0, 0.3, 1, 5, 80, 4000]) {
    expect(tailOfT(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 12);
    expect(tailOfT(t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 12);
  }
  // 1 - t/sqrt(2 + t^2) is about 1/t^2
  expect(quantileOfT(1e-8, 2)).toBeCloseTo(1e4, -1);
});

test('the normal tail on both sides of where its series ends', () => {
  // erfc(z/sqrt 2), of C's library
  for (const [z, p] of [
    [0.1, 0.920344325445942],
    [2.8, 0.005110260660855874],
    [2.9, 0.003731626600768076],
    [5, 5.733031437583892e-7],
  ] as const)
    expect(tailOfT(z, NORMAL) / p).toBeCloseTo(1, 11);
});

test('many degrees of freedom are as good as infinitely many', () => {
  for (const df of [1e7, 1e9, 1e20]) expect(tailOfT(2.5, df)).toBeCloseTo(tailOfT(2.5, NORMAL), 7);
});

test('ln gamma of halves and factorials', () => {
  expect(lnGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 11);
  expect(lnGamma(1)).toBeCloseTo(0, 11);
  expect(lnGamma(11)).toBeCloseTo(Math.log(3628800), 11);
});

test('what is no probability or no number of degrees of freedom is refused', () => {
  expect(() => quantileOfT(0, 2)).toThrow('expected a probability above 0, got 0');
  expect(() => tailOfT(1, 0)).toThrow('expected degrees of freedom above 0, got 0');
});
