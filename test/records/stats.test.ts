/** Statistics against worked examples and published tables. */
import { describe, expect, it } from 'vitest';
import { holm, mcnemar, mean, pairedDifference, standardDeviation, wilson } from '../../records/stats.ts';
import { Rng } from '../../tensor/rng.ts';

describe('wilson', () => {
  // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('gives the published interval of %i of %i', (k, n, low, high) => {
    const [lo, hi] = wilson(k, n);
    expect(lo).toBeCloseTo(low, 4);
    expect(hi).toBeCloseTo(high, 4);
  });

  it('mirrors: the interval of n - k is one minus that of k', () => {
    const [lo, hi] = wilson(7, 50);
    const [lo2, hi2] = wilson(43, 50);
    expect(lo2).toBeCloseTo(1 - hi, 12);
    expect(hi2).toBeCloseTo(1 - lo, 12);
  });

  it('knows nothing of nothing, and is exactly 1 at n of n', () => {
    expect(wilson(0, 0)).toEqual([0, 1]);
    expect(wilson(20, 20)[1]).toBe(1);
  });

  it('is where the score test just rejects', () => {
    const [lo] = wilson(30, 100);
    expect((0.3 - lo) / Math.sqrt((lo * (1 - lo)) / 100)).toBeCloseTo(1.959963984540054, 9);
  });

  it('refuses more successes than draws', () => {
    expect(() => wilson(5, 4)).toThrow('expected 0 <= k <= n, got k 5, n 4');
  });
});

describe('mcnemar', () => {
  it('agrees with the worked example of 6 and 16 discordant pairs', () => {
    // A common textbook example: 2 (1 + 22 + 231 + ... + C(22,6)) / 2^22 = 0.0525.
    expect(mcnemar(6, 16)).toBeCloseTo((2 * (1 + 22 + 231 + 1540 + 7315 + 26334 + 74613)) / 2 ** 22, 12);
  });

  it('counts the tails of five coins by hand', () => {
    expect(mcnemar(0, 5)).toBeCloseTo(2 / 32, 14);
    expect(mcnemar(5, 0)).toBeCloseTo(2 / 32, 14);
    expect(mcnemar(1, 4)).toBeCloseTo((2 * 6) / 32, 14);
    expect(mcnemar(2, 3)).toBeCloseTo(1, 12);
  });

  it('finds no difference where no example differs', () => {
    expect(mcnemar(0, 0)).toBe(1);
  });

  it('is at 5 % where the published table of the sign test says so', () => {
    // Two-sided critical values at 0.05: 20 pairs, 5 or fewer; 50 pairs, 17 or fewer; 90 pairs, 35 or fewer.
    for (const [n, critical] of [
      [20, 5],
      [50, 17],
      [90, 35],
    ] as const) {
      expect(mcnemar(critical, n - critical)).toBeLessThanOrEqual(0.05);
      expect(mcnemar(critical + 1, n - critical - 1)).toBeGreaterThan(0.05);
    }
  });

  it('comes near the normal tail for large counts: 4900 and 5100 are two standard deviations', () => {
    expect(Math.abs(mcnemar(4900, 5100) / 0.0455002638963584 - 1)).toBeLessThan(0.03);
    expect(mcnemar(0, 10_000)).toBe(0);
  });

  it('refuses what is not a count', () => {
    expect(() => mcnemar(1.5, 2)).toThrow('expected counts, got 1.5 and 2');
  });
});

describe('holm', () => {
  it('agrees with the worked example 0.01, 0.04, 0.03, 0.005', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    for (const [i, value] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[i]).toBeCloseTo(value, 14);
  });

  it('gives what p.adjust of R gives for 0.01 to 0.05', () => {
    const adjusted = holm([0.01, 0.02, 0.03, 0.04, 0.05]);
    for (const [i, value] of [0.05, 0.08, 0.09, 0.09, 0.09].entries()) expect(adjusted[i]).toBeCloseTo(value, 14);
  });

  it('never exceeds one and leaves a single value alone', () => {
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([0.2])).toEqual([0.2]);
    expect(holm([])).toEqual([]);
  });
});

describe('seeds', () => {
  it('have no deviation below two values', () => {
    expect(standardDeviation([])).toBeNaN();
    expect(standardDeviation([3])).toBeNaN();
  });

  it('have the mean and sample deviation of 2, 4, 4, 4, 5, 5, 7, 9', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(mean(values)).toBe(5);
    expect(standardDeviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 14);
    expect(standardDeviation([3])).toBeNaN();
  });
});

describe('pairedDifference', () => {
  it('is the interval of Bonett and Price by hand', () => {
    // 9/102 - 3/102 -+ 1.96 sqrt((12/102 - (6/102)^2) / 102)
    expect(pairedDifference(8, 2, 100)).toEqual([expect.closeTo(-0.00675, 4), expect.closeTo(0.1244, 4)]);
    expect(pairedDifference(2, 8, 100).map((x) => -x)).toEqual([...pairedDifference(8, 2, 100)].reverse());
  });

  it('holds the true difference about as often as it says', () => {
    const rng = new Rng('paired');
    for (const [onlyFirst, onlySecond] of [
      [0.1, 0.1],
      [0.2, 0.05],
      [0.02, 0],
    ] as const) {
      let held = 0;
      for (let trial = 0; trial < 2000; trial++) {
        const draws = Array.from({ length: 200 }, () => rng.next());
        const b = draws.filter((u) => u < onlyFirst).length;
        const c = draws.filter((u) => u >= onlyFirst && u < onlyFirst + onlySecond).length;
        const [low, high] = pairedDifference(b, c, 200);
        if (low <= onlyFirst - onlySecond && onlyFirst - onlySecond <= high) held++;
      }
      expect(held / 2000).toBeGreaterThan(0.935);
      expect(held / 2000).toBeLessThan(0.99);
    }
  });

  it('stays between -1 and 1 and refuses what are no counts', () => {
    expect(pairedDifference(1, 0, 1)[1]).toBeLessThanOrEqual(1);
    expect(() => pairedDifference(3, 2, 4)).toThrow('expected b + c <= n, got b 3, c 2, n 4');
    expect(() => pairedDifference(0, 0, 0)).toThrow('got b 0, c 0, n 0');
  });
});
