/**
 * What a mean over seeds and images is uncertain by. Outcomes y[s][i] of seed s on image i are crossed: every seed is tried on every image, so
 * that y = mean + seed + image + rest, all of them random (two-way components of variance, one observation per cell; Searle et al. 1992, 4.3).
 * The variance of the mean is (seed + rest/n)/S + image/n. The first part is seen in S means of seeds alone, so that it has S - 1 degrees of
 * freedom; the second is seen in n images. With a few seeds only t quantiles hold: a bootstrap draws again from the
 * same three means, with two thirds of their variance, and holds the truth in P(|t(2)| < 1.96 sqrt(2/3)) = 75 % of cases where seeds dominate.
 */
import { wilson, Z95 } from '../../../records/stats.ts';
import { quantileOfT, tailOfT } from './student.ts';

/** A mean over S seeds and n images, with the two parts of its variance. */
export interface Components {
  readonly mean: number;
  readonly images: number;
  /** Variance by seeds, and its degrees of freedom: both 0 where there is one seed. */
  readonly bySeeds: number;
  readonly freedom: number;
  readonly byImages: number;
}

/** A seed's values on all images, in one order. */
export type SeedValues = readonly number[] | Int8Array;

const sum = (values: SeedValues) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** Of `values[s][i]`, any numbers: a row of equal length per seed. */
export function componentsOf(values: readonly SeedValues[]): Components {
  const [S, n] = [values.length, values[0]?.length ?? 0];
  const ofSeeds = values.map((row) => sum(row) / n);
  const mean = sum(ofSeeds) / S;
  const ofImages = new Float64Array(n);
  let squares = 0;
  for (const row of values)
    for (let i = 0; i < n; i++) {
      const value = row[i] as number;
      ofImages[i] = (ofImages[i] as number) + value / S;
      squares += (value - mean) ** 2;
    }
  const seedSquares = n * sum(ofSeeds.map((m) => (m - mean) ** 2));
  const imageSquares = S * ofImages.reduce((total, m) => total + (m - mean) ** 2, 0);
  const [ofSeed, ofImage] = [S - 1, Math.max(1, n - 1)];
  if (S < 2) return { mean, images: n, bySeeds: 0, freedom: 0, byImages: imageSquares / ofImage / n };
  const rest = Math.max(0, squares - seedSquares - imageSquares) / (ofSeed * ofImage);
  const byImages = Math.max(0, imageSquares / ofImage - rest) / (S * n);
  return { mean, images: n, bySeeds: seedSquares / ofSeed / (S * n), freedom: ofSeed, byImages };
}

/**
 * Half the width of the interval of the mean whose normal quantile is `z`: 1.96 for 95 %. The mean of two combinations of the parts, t^2 * seeds +
 * z^2 * images (Cochran 1964) and t'^2 * (seeds + images) with the degrees of freedom of the sum (Satterthwaite 1946). Where either part is alone
 * both are exact and the same; between, `bench/coverage.ts` finds the first a point or two wide of 95 % and the second as much short of it.
 */
export function halfWidth({ bySeeds, freedom, byImages }: Components, z = Z95): number {
  if (bySeeds === 0) return z * Math.sqrt(byImages);
  const p = tailOfT(z, Number.POSITIVE_INFINITY);
  const total = bySeeds + byImages;
  const cochran = Math.sqrt(quantileOfT(p, freedom) ** 2 * bySeeds + z * z * byImages);
  const satterthwaite = quantileOfT(p, freedom * (total / bySeeds) ** 2) * Math.sqrt(total);
  return (cochran + satterthwaite) / 2;
}

/** Two-sided p-value of a mean of 0: of the interval that ends there. At least 1e-15. */
export function pValueOf(c: Components): number {
  const distance = Math.abs(c.mean);
  if (distance === 0) return 1;
  let [low, high] = [0, 8];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (halfWidth(c, middle) > distance) high = middle;
    else low = middle;
  }
  return tailOfT(low, Number.POSITIVE_INFINITY);
}

/**
 * Interval of an accuracy whose normal quantile is `z`, in [0,1]: Wilson's, of as many images as would leave the same half width (Korn and Graubard 1998). Of one seed
 * it is Wilson's interval of its images; where all seeds are right on the same images or on none, too.
 */
export function accuracyInterval(c: Components, z = Z95): [number, number] {
  const half = halfWidth(c, z);
  const spread = c.mean * (1 - c.mean);
  const images = half > 0 && spread > 0 && c.freedom > 0 ? (z * z * spread) / (half * half) : c.images;
  return wilson(c.mean * images, images, z);
}
