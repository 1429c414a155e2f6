/** What the harness checks of every data set, because what follows (labels as indices, pixels as bytes) would be silently wrong. */
import type { Dataset, DatasetPlugin, Split } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';

const REMEDY = "mend the plug-in's load()";

/** Throws unless `dataset` is what `plugin` said it would be: shape, class names, normalisation, and both splits. Says place, expected and got. */
export function checkDataset(plugin: DatasetPlugin, dataset: Dataset): void {
  const { shape, classes, name } = plugin;
  const refuse = (place: string, expected: string, got: unknown): never => {
    throw new RampartError(`[data set ${name}] ${place}: expected ${expected}, got ${got}`, { remedy: REMEDY });
  };
  if (dataset.shape?.join() !== shape.join()) refuse('shape', `[${shape.join(', ')}]`, `[${dataset.shape?.join(', ')}]`);
  if (dataset.classNames?.length !== classes) refuse('classNames', `${classes} names`, dataset.classNames?.length);
  for (const key of ['mean', 'std'] as const) {
    const values = dataset[key];
    const right = values?.length === shape[2] && values.every((v) => Number.isFinite(v) && (key === 'mean' || v > 0));
    if (!right) refuse(key, `${shape[2]} finite numbers${key === 'std' ? ' above 0' : ''}, one per channel`, `[${values?.join(', ')}]`);
  }
  for (const part of ['train', 'test'] as const) {
    if (!dataset[part]) refuse(part, 'a split', dataset[part]);
    checkSplit(dataset[part], part, plugin, refuse);
  }
}

function checkSplit(
  split: Split,
  part: string,
  { shape, classes }: DatasetPlugin,
  refuse: (place: string, expected: string, got: unknown) => never,
): void {
  const { n, images, labels } = split;
  if (!(Number.isSafeInteger(n) && n >= 0)) refuse(`${part}.n`, 'a number of images', n);
  const pixels = n * shape[0] * shape[1] * shape[2];
  if (!(images instanceof Uint8Array && images.length === pixels))
    refuse(`${part}.images`, `a Uint8Array of ${n} x ${shape.join(' x ')} = ${pixels} bytes`, described(images));
  if (!(labels instanceof Int32Array && labels.length === n)) refuse(`${part}.labels`, `an Int32Array of ${n}`, described(labels));
  const [least, most] = labels.reduce(([low, high], label) => [Math.min(low, label), Math.max(high, label)], [classes, -1]);
  if (least === 1 && most === classes) refuse(`${part}.labels`, `0..${classes - 1}`, `1..${classes}: these start at 1, labels start at 0`);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) refuse(`${part}.labels[${wrong}]`, `0..${classes - 1} for ${classes} classes`, labels[wrong]);
}

function described(value: unknown): string {
  return ArrayBuffer.isView(value) ? `${value.constructor.name} of ${(value as Uint8Array).length}` : typeof value;
}
