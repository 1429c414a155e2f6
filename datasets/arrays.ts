/** Images and labels as NumPy saves them: an .npz archive, or an .npy file of each. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { fileSource } from '../models/import/bytes.ts';
import { type NpyArray, readNpy, readNpz, shownNames } from '../models/import/npy.ts';
import type { Shape } from '../tensor/tf.ts';
import { geometryOf, labelsOf, reader } from './array-images.ts';
import { type Dataset, defineDataset, type LoadOptions, type Split } from './dataset.ts';
import { classesParams, classNamesFrom, normalizationFrom, normalizationParams } from './params.ts';
import { limited, NO_IMAGES } from './split.ts';

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
    train: train?.split ?? NO_IMAGES,
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
