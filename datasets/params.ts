/** Parameters that data sets of a user's own files share: names of classes, and normalisation for training. */
import { z } from 'zod';
import { RampartError } from '../errors.ts';

export const MOST_CLASSES = 100_000;

export const classesParams = {
  classes: z.number().int().min(1).max(MOST_CLASSES).optional().describe('How many classes; as many as the labels show unless given'),
  classNames: z.array(z.string().min(1).max(200)).min(1).max(MOST_CLASSES).optional().describe('Their names, in the order of the labels'),
};

const perChannel = (least: number) => z.array(z.number().min(least).max(1e6)).min(1).max(1024);

export const normalizationParams = {
  mean: perChannel(-1e6).optional().describe('Normalisation of models that are trained on it, per channel; 0.5 unless given'),
  std: perChannel(1e-6).optional().describe('The same; 0.25 unless given'),
};

interface Classes {
  readonly classes?: number | undefined;
  readonly classNames?: readonly string[] | undefined;
}

/** The given names, else `0`, `1`, ... Throws where there are fewer than the labels need. */
export function classNamesFrom(data: string, { classes, classNames }: Classes, labels: readonly Int32Array[]): readonly string[] {
  const shown = 1 + labels.reduce((most, all) => all.reduce((a, b) => Math.max(a, b), most), 0);
  const count = classes ?? classNames?.length ?? shown;
  if (classNames && classNames.length !== count)
    throw new RampartError(`[data ${data}] classes says ${count}, classNames has ${classNames.length} names`);
  if (shown > count) throw new RampartError(`[data ${data}] label ${shown - 1} is out of range 0..${count - 1}`);
  return classNames ?? Array.from({ length: count }, (_, k) => String(k));
}

/** What models that are trained on the data subtract and divide by. */
export function normalizationFrom(
  data: string,
  { mean, std }: { readonly mean?: readonly number[] | undefined; readonly std?: readonly number[] | undefined },
  channels: number,
): { mean: readonly number[]; std: readonly number[] } {
  for (const [key, given] of Object.entries({ mean, std }))
    if (given && given.length !== channels)
      throw new RampartError(`[data ${data}] ${key}: expected ${channels} numbers, one per channel, got ${given.length}`);
  const all = (value: number) => Array.from({ length: channels }, () => value);
  return { mean: mean ?? all(0.5), std: std ?? all(0.25) };
}
