/** The table of common corruptions, in the order of the paper. */
import { unknownName } from '../errors.ts';
import { defocusBlur, glassBlur, motionBlur, zoomBlur } from './blur.ts';
import type { Corruption } from './corruption.ts';
import { contrast, elasticTransform, jpegCompression, pixelate } from './digital.ts';
import { gaussianNoise, impulseNoise, shotNoise } from './noise.ts';
import { brightness, fog, snow } from './weather.ts';

/** The 15 of Hendrycks and Dietterich 2019 but frost, which is made of photographs of its authors'. */
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

/** Throws, with the nearest name, when there is none such. */
export function corruption(name: string): Corruption {
  const names = corruptions.map((c) => c.name);
  const found = corruptions.find((c) => c.name === name);
  if (!found) throw unknownName('corruption', name, names);
  return found;
}
