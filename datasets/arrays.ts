/** Images and labels as NumPy saves them: an .npz archive, or an .npy file of each. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { type NpyArray, type NpyValues, readNpy, readNpz, shownNames } from '../models/import/npy.ts';
import type { Shape } from '../tensor/tf.ts';
import { type Dataset, defineDataset, type LoadOptions, type Pixels, type Split } from './dataset.ts';
import { fileSource } from './files.ts';
import { classesParams, classNamesFrom, MOST_CLASSES, normalizationFrom, normalizationParams } from './params.ts';
import { limited } from './split.ts';

const path = z.string().min(1).max(4096);

const params = z.strictObject({
  file: path.optional().describe('An .npz archive, relative to the data folder'),
  images: path.optional().describe('The name of the test images in it; without `file`, an .npy file'),
  labels: path.optional().describe('The same of their labels'),
  trainImages: path.optional().describe('The same of the training images, where there are any'),
  trainLabels: path.optional(),
  layout: z.enum(['nhwc', 'nchw']).optional().describe('Order of the axes of images; told by the channels (1 or 3) unless given'),
  ...classesParams,
  ...normalizationParams,
});
type Params = z.infer<typeof params>;

/** What people call them in an archive, most telling first. */
const KNOWN = {
  images: ['images', 'x', 'X', 'test_images', 'images_test', 'x_test', 'X_test', 'data', 'arr_0'],
  labels: ['labels', 'y', 'Y', 'test_labels', 'labels_test', 'y_test', 'Y_test', 'targets', 'arr_1'],
  trainImages: ['train_images', 'images_train', 'x_train', 'X_train'],
  trainLabels: ['train_labels', 'labels_train', 'y_train', 'Y_train'],
} as const;
type Role = keyof typeof KNOWN;

const SCALE = {
  bytes: 'save them as numpy.uint8, or divide by 255',
  signed: 'if they are in [-1,1], save (x + 1) / 2',
  other: 'attacks are bounded in pixels from 0 to 1: undo the normalisation (x * std + mean) and give mean and std to the model',
};

/** How floats that are no pixels came about, by one of them. */
const remedyFor = (value: number) =>
  value > 1.5 && Number.isInteger(value) ? SCALE.bytes : value >= -1 && value < 0 ? SCALE.signed : SCALE.other;

/** The array of a role; undefined where nothing says which it is. */
function find(role: Role, given: Params, dataDir: string): NpyArray | undefined {
  const name = given[role];
  if (given.file === undefined) return name === undefined ? undefined : readNpy(fileSource(resolve(dataDir, name)));
  const archive = readNpz(fileSource(resolve(dataDir, given.file)));
  if (name !== undefined) return archive.array(name);
  const known = KNOWN[role].filter((candidate) => archive.names.includes(candidate));
  if (known.length > 1)
    throw new RampartError(`[data arrays] ${archive.name}: any of ${known.join(', ')} may be the ${role}`, {
      remedy: `say which: ${role}: ${known[0]}`,
    });
  return known[0] === undefined ? undefined : archive.array(known[0]);
}

function needed(role: Role, given: Params, dataDir: string): NpyArray {
  const found = find(role, given, dataDir);
  if (found) return found;
  if (given.file === undefined)
    throw new RampartError(`[data arrays] nothing says where the ${role} are`, {
      remedy: `give file (an .npz archive), or images and labels (.npy files)`,
    });
  const { name, names } = readNpz(fileSource(resolve(dataDir, given.file)));
  throw new RampartError(`[data arrays] ${name}: which array holds the ${role}? it has ${shownNames(names)}`, {
    remedy: `say which: ${role}: NAME`,
  });
}

interface Geometry {
  readonly n: number;
  readonly shape: Shape;
  readonly layout: 'nhwc' | 'nchw';
}

/** `[n,h,w,c]`, `[n,c,h,w]` or, of one channel, `[n,h,w]`. */
function geometryOf({ name, shape }: NpyArray, told: Params['layout']): Geometry {
  const fail = (what: string, remedy?: string) => new RampartError(`[data arrays] ${name}: ${what}`, { remedy });
  const shown = `(${shape.join(', ')})`;
  if (shape.some((side) => side === 0)) throw fail(`its shape ${shown} holds nothing`);
  const [n = 0, a = 0, b = 0, c = 0] = shape;
  if (shape.length === 3) return { n, shape: [a, b, 1], layout: 'nhwc' };
  if (shape.length !== 4) throw fail(`expected images of shape (n, height, width, channels) or (n, channels, height, width), got ${shown}`);
  const channels = (side: number) => side === 1 || side === 3;
  const layout = told ?? (channels(a) === channels(c) ? undefined : channels(c) ? 'nhwc' : 'nchw');
  if (!layout) throw fail(`the shape ${shown} does not tell where the channels are`, 'say so: layout: nhwc or nchw');
  return { n, shape: layout === 'nhwc' ? [a, b, c] : [b, c, a], layout };
}

/** Runs of neighbours among `places`, each read at once. */
function* runsOf(places: ArrayLike<number>): Generator<{ at: number; from: number; count: number }> {
  for (let at = 0; at < places.length; ) {
    const from = places[at] as number;
    let count = 1;
    while (at + count < places.length && places[at + count] === from + count) count++;
    yield { at, from, count };
    at += count;
  }
}

/** Planes of channels as pixels, in place of `count` images. */
function interleaved<T extends Uint8Array | Float32Array>(planes: NpyValues, out: T, count: number, [h, w, c]: Shape): void {
  const plane = h * w;
  for (let image = 0; image < count; image++)
    for (let channel = 0; channel < c; channel++) {
      const from = (image * c + channel) * plane;
      const to = image * c * plane + channel;
      for (let i = 0; i < plane; i++) out[to + i * c] = planes[from + i] as number;
    }
}

function checkUnit(pixels: Float32Array, { name }: NpyArray, from: number, size: number): void {
  // negated, so that NaN fails too
  const wrong = pixels.findIndex((v) => !(v >= 0 && v <= 1));
  if (wrong < 0) return;
  const value = pixels[wrong] as number;
  throw new RampartError(`[data arrays] ${name}: image ${from + Math.floor(wrong / size)}: expected pixels from 0 to 1, got ${value}`, {
    remedy: Number.isNaN(value) ? 'NaN is no pixel' : remedyFor(value),
  });
}

function reader(array: NpyArray, { shape, layout }: Geometry): Split['read'] {
  const size = shape[0] * shape[1] * shape[2];
  const bytes = array.type === '|u1';
  if (!bytes && array.type !== '<f4' && array.type !== '<f8')
    throw new RampartError(`[data arrays] ${array.name}: expected images of uint8, float32 or float64, got ${array.type}`, {
      remedy: 'save x.astype(numpy.uint8) where pixels are 0..255',
    });
  return async (places) => {
    const out: Pixels = bytes ? new Uint8Array(places.length * size) : new Float32Array(places.length * size);
    for (const { at, from, count } of runsOf(places)) {
      const values = array.read(from * size, count * size);
      const into = out.subarray(at * size, (at + count) * size);
      if (layout === 'nchw') interleaved(values, into, count, shape);
      else into.set(values as Exclude<NpyValues, BigInt64Array | BigUint64Array>);
      if (into instanceof Float32Array) checkUnit(into, array, from, size);
    }
    return out;
  };
}

function labelsOf(array: NpyArray, n: number): Int32Array {
  const fail = (what: string, remedy?: string) => new RampartError(`[data arrays] ${array.name}: ${what}`, { remedy });
  const [count, wide = 1, ...more] = array.shape;
  if (array.shape.length === 2 && wide > 1 && more.length === 0)
    throw fail(`expected one label per image, got the shape (${array.shape.join(', ')})`, 'if they are one-hot, save y.argmax(1)');
  if (array.shape.length === 0 || wide !== 1 || more.length > 0) throw fail(`expected the shape (${n}), got (${array.shape.join(', ')})`);
  if (count !== n) throw fail(`${count} labels for ${n} images`);
  const values = array.read(0, n);
  const labels = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const label = Number(values[i]);
    if (!(Number.isInteger(label) && label >= 0 && label < MOST_CLASSES))
      throw fail(`label ${i}: expected a whole number from 0 to ${MOST_CLASSES - 1}, got ${label}`);
    labels[i] = label;
  }
  return labels;
}

interface Loaded {
  readonly split: Split;
  readonly shape: Shape;
}

function splitOf(images: NpyArray, labels: NpyArray, given: Params, limit: number | undefined): Loaded {
  const geometry = geometryOf(images, given.layout);
  const all = labelsOf(labels, geometry.n);
  const n = limited(geometry.n, limit);
  return { split: { n, labels: all.slice(0, n), read: reader(images, geometry) }, shape: geometry.shape };
}

const NONE: Split = { n: 0, labels: new Int32Array(0), read: async () => new Uint8Array(0) };

async function load(given: Params, { dataDir, limit }: LoadOptions): Promise<Dataset> {
  const test = splitOf(needed('images', given, dataDir), needed('labels', given, dataDir), given, limit?.test);
  const trainImages = find('trainImages', given, dataDir);
  const train = trainImages && splitOf(trainImages, needed('trainLabels', given, dataDir), given, limit?.train);
  if (train && train.shape.join() !== test.shape.join())
    throw new RampartError(`[data arrays] training images are of ${train.shape.join('x')}, test images of ${test.shape.join('x')}`);
  const { shape } = test;
  return {
    name: 'arrays',
    shape,
    classNames: classNamesFrom('arrays', given, [test.split.labels, ...(train ? [train.split.labels] : [])]),
    ...normalizationFrom('arrays', given, shape[2]),
    train: train?.split ?? NONE,
    test: test.split,
  };
}

/** The files that the parameters name. */
const filesOf = ({ file, images, labels, trainImages, trainLabels }: Params): string[] =>
  file !== undefined ? [file] : [images, labels, trainImages, trainLabels].filter((name) => name !== undefined);

export const arrays = defineDataset<Params>({
  name: 'arrays',
  title: 'Your arrays: .npz or .npy',
  source: 'files of yours',
  version: 1,
  params,
  load,
  files: async (given, { dataDir }) => filesOf(given).map((name) => resolve(dataDir, name)),
  check: async () => ({ usable: true, detail: 'reads .npz and .npy files that a suite or rampart eval --dataset names' }),
});
