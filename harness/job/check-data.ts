/** What the harness checks of every data set, because what follows (labels as indices, pixels in [0,1]) would be silently wrong. */
import type { Dataset, DatasetPlugin, Pixels, Split } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import type { Shape } from '../../tensor/tf.ts';

const REMEDY = "mend the plug-in's load()";

type Refuse = (place: string, expected: string, got: unknown) => never;

/**
 * The data set, each of whose images is checked as it is read. Throws unless it is what `plugin` said it would be: shape, class names,
 * normalisation, and the labels of both splits. Says place, expected and got.
 */
export function checkedDataset(plugin: DatasetPlugin, dataset: Dataset): Dataset {
  const { name, shape = dataset.shape, classes = dataset.classNames?.length } = plugin;
  const refuse: Refuse = (place, expected, got) => {
    throw new RampartError(`[data set ${name}] ${place}: expected ${expected}, got ${got}`, { remedy: REMEDY });
  };
  if (shape?.length !== 3 || !shape.every((side) => Number.isSafeInteger(side) && side > 0))
    refuse('shape', '[height, width, channels]', `[${shape?.join(', ')}]`);
  if (dataset.shape?.join() !== shape.join()) refuse('shape', `[${shape.join(', ')}]`, `[${dataset.shape?.join(', ')}]`);
  if (!(classes > 0) || dataset.classNames?.length !== classes)
    refuse('classNames', `${classes || 'some'} names`, dataset.classNames?.length);
  for (const key of ['mean', 'std'] as const) {
    const values = dataset[key];
    const right = values?.length === shape[2] && values.every((v) => Number.isFinite(v) && (key === 'mean' || v > 0));
    if (!right) refuse(key, `${shape[2]} finite numbers${key === 'std' ? ' above 0' : ''}, one per channel`, `[${values?.join(', ')}]`);
  }
  return { ...dataset, train: checkedSplit('train', dataset, refuse), test: checkedSplit('test', dataset, refuse) };
}

function checkedSplit(part: 'train' | 'test', dataset: Dataset, refuse: Refuse): Split {
  const split = dataset[part] ?? refuse(part, 'a split', dataset[part]);
  const { n, labels } = split;
  if (!(Number.isSafeInteger(n) && n >= 0)) refuse(`${part}.n`, 'a number of images', n);
  if (typeof split.read !== 'function') refuse(`${part}.read`, 'a function', typeof split.read);
  if (!(labels instanceof Int32Array && labels.length === n)) refuse(`${part}.labels`, `an Int32Array of ${n}`, described(labels));
  checkLabels(labels, dataset.classNames.length, part, refuse);
  return {
    n,
    labels,
    async read(places) {
      const pixels = await split.read(places);
      checkPixels(pixels, places, dataset.shape, part, refuse);
      return pixels;
    },
  };
}

function checkLabels(labels: Int32Array, classes: number, part: string, refuse: Refuse): void {
  const [least, most] = labels.reduce(([low, high], label) => [Math.min(low, label), Math.max(high, label)], [classes, -1]);
  if (least === 1 && most === classes) refuse(`${part}.labels`, `0..${classes - 1}`, `1..${classes}: these start at 1, labels start at 0`);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) refuse(`${part}.labels[${wrong}]`, `0..${classes - 1} for ${classes} classes`, labels[wrong]);
}

function checkPixels(pixels: Pixels, places: ArrayLike<number>, [h, w, c]: Shape, part: string, refuse: Refuse): void {
  const size = h * w * c;
  const all = places.length * size;
  if (!((pixels instanceof Uint8Array || pixels instanceof Float32Array) && pixels.length === all))
    refuse(`${part}.read`, `a Uint8Array or Float32Array of ${places.length} x ${h} x ${w} x ${c} = ${all} values`, described(pixels));
  if (pixels instanceof Uint8Array) return;
  // negated, so that NaN fails too
  const wrong = pixels.findIndex((v) => !(v >= 0 && v <= 1));
  if (wrong >= 0) refuse(`${part}: image ${places[Math.floor(wrong / size)]}`, 'pixels in [0,1]', pixels[wrong]);
}

function described(value: unknown): string {
  return ArrayBuffer.isView(value) ? `${value.constructor.name} of ${(value as Uint8Array).length}` : typeof value;
}
