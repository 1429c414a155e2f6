/** Options that say what a device costs. */
import { expect, test } from 'vitest';
import { pricesOf } from '../../cli/options.ts';

test('prices are pairs of a part of a name and an amount', () => {
  expect(pricesOf({ price: 'H100=2.5, AMD EPYC 7B13 = .4' })).toEqual([
    { device: 'H100', perHour: 2.5 },
    { device: 'AMD EPYC 7B13', perHour: 0.4 },
  ]);
  expect(pricesOf({})).toEqual([]);
});

test.each(['H100', 'H100=', '=2', 'H100=0', 'H100=1.2.3', 'H100=-1', 2.5, 'H100=2,'])('%j is refused', (price) => {
  expect(() => pricesOf({ price })).toThrow('[--price] expected DEVICE=AMOUNT, such as H100=2.5, got');
});
