/** The statistics of the leaderboard: intervals of one accuracy, tests between two, corrections for many, spread over seeds. */
import { RampartError } from '../errors.ts';

/** The standard normal quantile of a two-sided 95 % interval. */
export const Z95 = 1.959963984540054;

/** The Wilson score interval of a proportion of `k` of `n` (Wilson 1927), in [0,1]; [0,1] where `n` is 0. Throws unless 0 <= k <= n. */
export function wilson(k: number, n: number, z = Z95): [number, number] {
  if (!(k >= 0 && k <= n)) throw new RampartError(`[wilson] expected 0 <= k <= n, got k ${k}, n ${n}`);
  if (n === 0) return [0, 1];
  const p = k / n;
  const scale = 1 + (z * z) / n;
  const centre = (p + (z * z) / (2 * n)) / scale;
  const half = (z / scale) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  // At the ends the exact bound is 0 or 1; rounding would leave 1e-17.
  return [k === 0 ? 0 : centre - half, k === n ? 1 : centre + half];
}

/**
 * The adjusted Wald interval of the difference of two proportions on the same `n` examples (Bonett and Price 2012), in [-1,1]: `b` examples
 * that only the first gets right, `c` that only the second does. Throws unless they are counts with b + c <= n and n > 0.
 */
export function pairedDifference(b: number, c: number, n: number, z = Z95): [number, number] {
  if (!(b >= 0 && c >= 0 && n > 0 && b + c <= n))
    throw new RampartError(`[paired difference] expected b + c <= n, got b ${b}, c ${c}, n ${n}`);
  const [first, second] = [(b + 1) / (n + 2), (c + 1) / (n + 2)];
  const centre = first - second;
  const half = z * Math.sqrt((first + second - centre * centre) / (n + 2));
  return [Math.max(-1, centre - half), Math.min(1, centre + half)];
}

/** ln(n!) by summing logarithms once: exact enough (1e-12 relative) for every n a test set has. */
const logFactorials = [0];
function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push((logFactorials[i - 1] as number) + Math.log(i));
  return logFactorials[n] as number;
}

/** The exact two-sided p-value of McNemar's test (1947) between two classifiers on the same examples: `b` that only the first gets right, `c` that only the second does. */
export function mcnemar(b: number, c: number): number {
  if (!(Number.isInteger(b) && Number.isInteger(c) && b >= 0 && c >= 0))
    throw new RampartError(`[mcnemar] expected counts, got ${b} and ${c}`);
  return b + c === 0 ? 1 : binomialTwoSided(Math.min(b, c), b + c);
}

/** min(1, 2 P(X <= k)) for X binomial with n draws and p = 1/2: summed from the largest term down. */
function binomialTwoSided(k: number, n: number): number {
  let term = Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) - n * Math.LN2);
  let sum = 0;
  for (let i = k; i >= 0 && term > sum * 1e-18; i--) {
    sum += term;
    term *= i / (n - i + 1);
  }
  return Math.min(1, 2 * sum);
}

/** Holm's step-down adjustment (1979) of p-values, in the order given: reject at level a where the adjusted value is at most a. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((i, j) => (p[i] as number) - (p[j] as number) || i - j);
  const adjusted = new Array<number>(p.length);
  let floor = 0;
  for (const [rank, i] of order.entries()) {
    floor = Math.max(floor, Math.min(1, (p.length - rank) * (p[i] as number)));
    adjusted[i] = floor;
  }
  return adjusted;
}

/** The arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The sample standard deviation (n - 1 in the denominator); NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - centre) * (v - centre), 0) / (values.length - 1));
}
