/** The table of data sets. */
import { unknownName } from '../errors.ts';
import type { DatasetPlugin } from './dataset.ts';
import { shapes } from './shapes.ts';

export const datasets: readonly DatasetPlugin[] = [shapes];

/** Throws, with the nearest name, when there is none such. */
export function dataset(name: string): DatasetPlugin {
  const found = datasets.find((d) => d.name === name);
  if (!found)
    throw unknownName(
      'data set',
      name,
      datasets.map((d) => d.name),
    );
  return found;
}
