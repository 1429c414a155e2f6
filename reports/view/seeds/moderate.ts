/**
 * Variances of few degrees of freedom that learn from each other (Smyth 2004, 10.2202/1544-6115.1027, as limma does for three arrays of each
 * of many genes). Three seeds say little about how far a defense scatters, and all pairs of a board together say much: a scaled inverse chi-squared
 * prior is fitted to the logarithms of all variances, and adds its own degrees of freedom to each. Where defenses scatter unlike each other the prior
 * is weak.
 */

interface Variance {
  readonly value: number;
  readonly freedom: number;
}

/** Derivative of ln gamma(x), for x > 0, and the derivative of that: recurrences up to 10, then asymptotic series. */
function polygamma(x: number): { digamma: number; trigamma: number } {
  let [digamma, trigamma, shifted] = [0, 0, x];
  for (; shifted < 10; shifted++) {
    digamma -= 1 / shifted;
    trigamma += 1 / (shifted * shifted);
  }
  const f = 1 / (shifted * shifted);
  digamma += Math.log(shifted) - 0.5 / shifted - f * (1 / 12 - f * (1 / 120 - f / 252));
  trigamma += 1 / shifted + f / 2 + (f / shifted) * (1 / 6 - f * (1 / 30 - f / 42));
  return { digamma, trigamma };
}

/** The x > 0 whose trigamma is `y`. */
function inverseTrigamma(y: number): number {
  let [low, high] = [1e-6, 1e6];
  for (let i = 0; i < 100; i++) {
    const middle = Math.sqrt(low * high);
    if (polygamma(middle).trigamma > y) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The prior that the variances follow: its value, and degrees of freedom that may be infinite. */
export function priorOf(variances: readonly Variance[]): Variance {
  const logs = variances.map(({ value, freedom }) => Math.log(value) - polygamma(freedom / 2).digamma + Math.log(freedom / 2));
  const centre = mean(logs);
  const spread = logs.reduce((total, log) => total + (log - centre) ** 2, 0) / (logs.length - 1);
  const excess = spread - mean(variances.map(({ freedom }) => polygamma(freedom / 2).trigamma));
  if (excess <= 0) return { value: Math.exp(centre), freedom: Number.POSITIVE_INFINITY };
  const half = inverseTrigamma(excess);
  return { value: Math.exp(centre + polygamma(half).digamma - Math.log(half)), freedom: 2 * half };
}

/** Fewer say too little about how alike they are. */
const FEWEST = 10;

/** Most degrees of freedom that the others add, those of three seeds: a defense that scatters unlike them may by chance look like them. */
const MOST = 2;

/** Each variance with what the others add; as they are where they are few. */
export function moderated(variances: readonly Variance[]): Variance[] {
  const known = variances.filter(({ value, freedom }) => value > 0 && freedom > 0);
  if (known.length < FEWEST) return [...variances];
  const fitted = priorOf(known);
  const prior = { ...fitted, freedom: Math.min(MOST, fitted.freedom) };
  return variances.map(({ value, freedom }) => {
    if (freedom === 0) return { value, freedom };
    const posterior = (prior.freedom * prior.value + freedom * value) / (prior.freedom + freedom);
    return { value: posterior, freedom: prior.freedom + freedom };
  });
}
