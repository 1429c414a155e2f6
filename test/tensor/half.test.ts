import { expect, test } from 'vitest';
import { fromHalf, toHalf } from '../../tensor/half.ts';

test('every number of half precision is written as its own bits', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromHalf(bits);
    if (!Number.isNaN(value)) expect(toHalf(value)).toBe(bits);
  }
});

test('between two neighbours the nearer is taken, and of two equally near the even one', () => {
  // carried across the ends of the subnormal numbers and of exponents too
  for (const low of [0, 1, 0x3ff, 0x400, 0x3801, 0x3bff, 0x3c00, 0x7bfe]) {
    const [a, b] = [fromHalf(low), fromHalf(low + 1)];
    const at = (share: number) => toHalf(a + share * (b - a));
    expect([at(0.25), at(0.75), at(0.5)]).toEqual([low, low + 1, low + (low % 2)]);
    expect(toHalf(-a - 0.75 * (b - a))).toBe(0x8000 | (low + 1));
  }
});

test('what is too large is infinite, and what is no number stays none', () => {
  expect([65519, 65520, -1e9].map(toHalf)).toEqual([0x7bff, 0x7c00, 0xfc00]);
  expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
});
