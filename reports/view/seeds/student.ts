/** Student's t distribution (1908), for the few degrees of freedom that a few seeds give. */
import { RampartError } from '../../../errors.ts';

/** ln of the gamma function for x > 0: Stirling's series after the argument is moved above 10, to 1e-14. */
export function lnGamma(x: number): number {
  let [shifted, product] = [x, 1];
  for (; shifted < 10; shifted++) product *= shifted;
  const inverse = 1 / (shifted * shifted);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

/** The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8), evaluated as Lentz does. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const term = (k: number) => {
    const m = k >> 1;
    if (k % 2 === 0) return (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    return (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  };
  let [fraction, c, d] = [1, 1, 0];
  for (let k = 1; k < 1000; k++) {
    d = 1 / (1 + term(k) * d || 1e-300);
    c = 1 + term(k) / c || 1e-300;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front / fraction;
}

/** P(|Z| > z) of a normal distribution: erfc by its series near 0 and by its continued fraction (Abramowitz and Stegun 7.1.5, 7.1.14) beyond. */
function tailOfNormal(z: number): number {
  const x = z / Math.SQRT2;
  if (x < 2) {
    let [term, sum] = [x, x];
    for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
      term *= (-x * x) / k;
      sum += term / (2 * k + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = x;
  for (let k = 100; k >= 1; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

/** Degrees of freedom from which t differs from a normal distribution by less than the fraction resolves. */
const NORMAL_FROM = 1e7;

/** P(|T| > t) for t >= 0 and T of `df` degrees of freedom, two-sided; of infinitely many for a normal distribution. */
export function tailOfT(t: number, df: number): number {
  if (!(df > 0)) throw new RampartError(`[student] expected degrees of freedom above 0, got ${df}`);
  return df > NORMAL_FROM ? tailOfNormal(t) : incompleteBeta(df / (df + t * t), df / 2, 0.5);
}

/** The t >= 0 that |T| exceeds with probability `p`, in (0,1]. */
export function quantileOfT(p: number, df: number): number {
  if (!(p > 0 && p <= 1)) throw new RampartError(`[student] expected a probability above 0, got ${p}`);
  if (p === 1) return 0;
  // ln P(|T| > e^u) is smooth and falls: false position with Illinois' halving
  const above = (u: number) => Math.log(tailOfT(Math.exp(u), df) / p);
  let [low, high] = [-1, 1];
  while (above(low) < 0) low *= 2;
  while (above(high) > 0) high *= 2;
  let [atLow, atHigh] = [above(low), above(high)];
  for (let i = 0; i < 200 && high - low > 1e-13; i++) {
    const middle = (low * atHigh - high * atLow) / (atHigh - atLow);
    const value = above(middle);
    if (Math.abs(value) < 1e-13) return Math.exp(middle);
    if (value > 0) [low, atLow, atHigh] = [middle, value, atHigh / 2];
    else [high, atHigh, atLow] = [middle, value, atLow / 2];
  }
  return Math.exp((low + high) / 2);
}
