/** The table of common corruptions, in the order of the paper. */
import { RampartError, unknownName } from '../errors.ts';
import { defocusBlur, glassBlur, motionBlur, zoomBlur } from './blur.ts';
import type { Corruption } from './corruption.ts';
import { contrast, elasticTransform, jpegCompression, pixelate } from './digital.ts';
import { FROST, frost } from './frost.ts';
import { gaussianNoise, impulseNoise, shotNoise } from './noise.ts';
import { brightness, fog, snow } from './weather.ts';

/** Where they are from, in words and for the bibliography. */
export const CORRUPTIONS = 'Hendrycks and Dietterich 2019 (arXiv 1903.12261)';
export const CORRUPTION_PAPERS = [
  {
    key: 'hendrycks2019benchmarking',
    author: 'Hendrycks, Dan and Dietterich, Thomas',
    title: 'Benchmarking Neural Network Robustness to Common Corruptions and Perturbations',
    venue: 'International Conference on Learning Representations',
    year: 2019,
    arxiv: '1903.12261',
  },
] as const;

/** The 15 of Hendrycks and Dietterich 2019 but frost, which is made of photographs of its authors': see frost.ts. */
export const corruptions: readonly Corruption[] = [
  gaussianNoise,
  shotNoise,
  impulseNoise,
  defocusBlur,
  glassBlur,
  motionBlur,
  zoomBlur,
  snow,
  fog,
  brightness,
  contrast,
  elasticTransform,
  pixelate,
  jpegCompression,
];

/** All 15 names: frost is the last, and there where its photographs are. */
export const CORRUPTION_NAMES = [...corruptions.map(({ name }) => name), FROST.name];

/** What is known of a corruption before its photographs are there. Throws, with the nearest name, when there is none such. */
export function aboutCorruption(name: string): Pick<Corruption, 'name' | 'title' | 'version'> {
  return name === FROST.name ? FROST : corruption(name);
}

/** Throws, with the nearest name, when there is none such. Frost is made of what `readPhotographs` gave. */
export function corruption(name: string, photographs?: Uint8Array): Corruption {
  if (name === FROST.name) {
    if (!photographs) throw new RampartError('[corruption frost] expected its photographs, got none');
    return frost(photographs);
  }
  const names = CORRUPTION_NAMES;
  const found = corruptions.find((c) => c.name === name);
  if (!found) throw unknownName('corruption', name, names);
  return found;
}
