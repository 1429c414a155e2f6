/** The three noises: of a sensor, of few photons, of dead pixels. */
import type { Rng } from '../tensor/rng.ts';
import { bytes, defineCorruption, unit } from './corruption.ts';
import { poisson } from './parts/poisson.ts';

/** `scale` is the standard deviation. */
export const gaussianNoise = defineCorruption(
  { name: 'gaussian_noise', title: 'Gaussian noise', group: 'noise' },
  [0.04, 0.06, 0.08, 0.09, 0.1],
  (image, scale, rng) => bytes(unit(image).map((value) => value + scale * rng.gauss())),
);

/** `photons` are those of a white pixel. */
export const shotNoise = defineCorruption(
  { name: 'shot_noise', title: 'Shot noise', group: 'noise' },
  [500, 250, 100, 75, 50],
  (image, photons, rng) => bytes(unit(image).map((value) => poisson(value * photons, rng) / photons)),
);

/** `amount` of the values become 0 or 1, each as often. */
export const impulseNoise = defineCorruption(
  { name: 'impulse_noise', title: 'Impulse noise', group: 'noise' },
  [0.01, 0.02, 0.03, 0.05, 0.07],
  (image, amount, rng) => bytes(saltAndPepper(unit(image), amount, rng)),
);

/** All values are drawn for first, then what each would become. */
function saltAndPepper(values: Float64Array, amount: number, rng: Rng): Float64Array {
  const hit = Array.from(values, () => rng.next() <= amount);
  const salt = Array.from(values, () => rng.next() <= 0.5);
  return values.map((value, i) => (hit[i] ? Number(salt[i]) : value));
}
