/** Filters of images `[side,side,channels]`, a line at a time: the Gaussian of scipy. */

/** Where a place outside of a line is looked up: at its end, or mirrored with the end twice. */
export type Border = 'nearest' | 'reflect';

/** The place in 0..n-1 that stands for `i`. */
export function place(i: number, n: number, border: Border): number {
  if (border === 'nearest') return Math.min(Math.max(i, 0), n - 1);
  const turned = ((i % (2 * n)) + 2 * n) % (2 * n);
  return turned < n ? turned : 2 * n - 1 - turned;
}

/** Weights of the centre and of each distance from it, together 1 where distances count twice; `truncate` is where they end, in sigmas. */
export function gaussianWeights(sigma: number, truncate: number): number[] {
  const radius = Math.floor(truncate * sigma + 0.5);
  const raw = Array.from({ length: radius + 1 }, (_, i) => Math.exp((-0.5 / (sigma * sigma)) * i * i));
  const ends = [...raw.slice(1).reverse(), ...raw];
  const sum = ends.reduce((total, weight) => total + weight, 0);
  return raw.map((w) => w / sum);
}

export interface Gaussian {
  readonly sigma: number;
  readonly border?: Border;
  readonly truncate?: number;
}

/** `values` `[side,side,channels]` blurred along both sides; a sigma of 0 leaves them as they are. */
export function gaussian(values: Float64Array, side: number, { sigma, border = 'nearest', truncate = 4 }: Gaussian): Float64Array {
  if (sigma === 0) return values;
  const weights = gaussianWeights(sigma, truncate);
  const channels = values.length / (side * side);
  const down = alongLines(values, side, side * channels, weights, border);
  return alongLines(down, side, channels, weights, border);
}

/** Every line of `n` values that lie `stride` apart, filtered; from the farthest weights to the nearest. */
function alongLines(values: Float64Array, n: number, stride: number, weights: readonly number[], border: Border): Float64Array {
  const radius = weights.length - 1;
  const places = Array.from({ length: n + 2 * radius }, (_, i) => place(i - radius, n, border) * stride);
  const line = new Float64Array(places.length);
  const out = new Float64Array(values.length);
  for (let nth = 0; nth < values.length / n; nth++) {
    const start = Math.floor(nth / stride) * stride * n + (nth % stride);
    for (let i = 0; i < line.length; i++) line[i] = values[start + (places[i] as number)] as number;
    for (let own = 0; own < n; own++) {
      const centre = own + radius;
      let sum = (line[centre] as number) * (weights[0] as number);
      for (let k = radius; k > 0; k--) sum += ((line[centre - k] as number) + (line[centre + k] as number)) * (weights[k] as number);
      out[start + own * stride] = sum;
    }
  }
  return out;
}
