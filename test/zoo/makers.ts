/** The ten models that are broken on purpose, and the two that they are made of. */
import type { Classifier } from '../../models/classifier.ts';
import * as broken from './broken.ts';
import { kept } from './honest.ts';

export const standard = async () => (await kept('standard')).freeze();
export const robust = async () => (await kept('pgd-at')).freeze();

export const BROKEN = {
  'quantised input': async () => broken.quantised(await standard()),
  'a detached layer': async () => broken.detached(await standard()),
  'saturated logits': async () => broken.saturated(await standard()),
  'random noise': async () => broken.noisy(await standard()),
  'a step without derivative': async () => broken.stepped(await standard()),
  'a temperature': async () => broken.cold(await standard()),
  'an ensemble with one masked member': async () => broken.ensemble(await robust(), await standard()),
  'shattered gradients': async () => broken.shattered(await standard()),
  JPEG: async () => broken.compressed(await standard()),
  'a large constant': async () => broken.shifted(await standard()),
} satisfies Record<string, () => Promise<Classifier>>;
