/** Expected values are from another writing of xoshiro128**, Box and Muller and Fisher and Yates, in Python with unbounded integers. */
import { expect, test } from 'vitest';
import { Rng } from '../../tensor/rng.ts';

const make = () => new Rng('reference');
const many = <T>(n: number, draw: () => T) => Array.from({ length: n }, draw);
const closeTo = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 6));

test('the bits of a key are those of xoshiro128** seeded by its SHA-256', () => {
  const rng = make();
  expect(many(8, () => rng.bits())).toEqual([152141245, 3307718995, 31157229, 3338605378, 3627498277, 2786369338, 4276980273, 554159772]);
});

test('a fork is the generator of the key with its label, and does not move the one that it comes from', () => {
  const rng = make();
  const fork = rng.fork(7);
  expect(fork.key).toBe('reference/7');
  expect([fork.bits(), fork.bits()]).toEqual([2710377745, 497528402]);
  expect(rng.bits()).toBe(152141245);
});

test('numbers in [0,1) are the bits over 2^32', () => {
  expect(make().next()).toBe(152141245 / 2 ** 32);
});

test('whole numbers below n are the floor of n such numbers', () => {
  const rng = make();
  expect(many(8, () => rng.int(10))).toEqual([0, 7, 0, 7, 8, 6, 9, 1]);
});

test('normal numbers come in pairs from two draws', () => {
  const pairs = [0.03389273861017463, -0.26642599773530296, 0.02061967619341497, -0.11889670276094579];
  const rng = make();
  expect(many(4, () => rng.gauss())).toEqual(closeTo(pairs));
  expect([...make().normal(4)]).toEqual(closeTo(pairs));
});

test('normal numbers have mean 0, variance 1 and the tails of the normal distribution', () => {
  const values = make().normal(40_000);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  // four standard errors: 4 / sqrt(n), 4 sqrt(2 / n), 4 sqrt(p (1 - p) / n)
  expect(Math.abs(mean)).toBeLessThan(0.02);
  expect(Math.abs(variance - 1)).toBeLessThan(0.0283);
  expect(Math.abs(values.filter((v) => Math.abs(v) > 1.96).length / values.length - 0.05)).toBeLessThan(0.0044);
});

test('uniform numbers reach from low to high', () => {
  expect([...make().uniform(3, -2, 3)]).toEqual(closeTo([-1.8228842800017446, 1.8506917131599039, -1.963728211587295]));
  expect([...make().uniform(1)]).toEqual(closeTo([152141245 / 2 ** 32]));
});

test('a permutation is that of Fisher and Yates', () => {
  expect([...make().permutation(6)]).toEqual([4, 1, 2, 5, 3, 0]);
  expect([...make().permutation(0)]).toEqual([]);
});
