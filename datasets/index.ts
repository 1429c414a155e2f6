/** The table of data sets. */
import { unknownName } from '../errors.ts';
import { arrays } from './arrays.ts';
import { cifar10, cifar100 } from './cifar.ts';
import { cifar10C, cifar100C } from './cifar-c.ts';
import type { DatasetPlugin } from './dataset.ts';
import { folder } from './folder.ts';
import { imagenet } from './imagenet.ts';
import { fashionMnist, mnist } from './mnist.ts';
import { shapes } from './shapes.ts';
import { tinyImagenet } from './tiny-imagenet.ts';

export const datasets: readonly DatasetPlugin[] = [
  shapes,
  cifar10,
  cifar100,
  mnist,
  fashionMnist,
  cifar10C,
  cifar100C,
  imagenet,
  tinyImagenet,
  arrays,
  folder,
];

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
