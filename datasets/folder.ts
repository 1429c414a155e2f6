/** Images of a user: a folder for each class, as torchvision's ImageFolder reads it. */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { nearest, RampartError } from '../errors.ts';
import { type Dataset, defineDataset, type LoadOptions } from './dataset.ts';
import { linesOf } from './files.ts';
import { canDecode } from './images/decode.ts';
import { classFolders, firstOf, type ImageList, imageSplit, imagesByClass, shapeOf, spread } from './images/list.ts';
import { preparationParams } from './images/prepare.ts';
import { normalizationFrom, normalizationParams } from './params.ts';
import { NO_IMAGES } from './split.ts';

const path = z.string().min(1).max(4096);

const params = z.strictObject({
  folder: path.default('.').describe('The folder that holds a folder of test images for each class, relative to the data folder'),
  trainFolder: path.optional().describe('The same of training images, where there are any'),
  classNames: z.array(z.string().min(1).max(200)).min(1).max(100_000).optional(),
  classList: path.optional().describe('A file with a class per line in the order of the labels; sorted names unless given'),
  ...preparationParams,
  ...normalizationParams,
});
type Params = z.infer<typeof params>;

/** The classes in the order of their labels. */
async function classesOf({ classNames, classList }: Params, root: string, dataDir: string): Promise<readonly string[]> {
  const given = classNames ?? (classList === undefined ? undefined : linesOf(resolve(dataDir, classList)));
  const names = given ?? (await classFolders(root));
  if (names.length === 0)
    throw new RampartError(`[data folder] ${root} holds no folders, expected one for each class`, {
      remedy: 'put the images of each class into a folder of their own',
    });
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) throw new RampartError(`[data folder] the class "${twice}" is listed twice`);
  return names;
}

async function listOf(root: string, classes: readonly string[]): Promise<ImageList> {
  const folders = await classFolders(root);
  const labels = new Map(classes.map((name, label) => [name, label]));
  const stranger = folders.find((name) => !labels.has(name));
  if (stranger !== undefined) {
    const near = nearest(stranger, classes);
    throw new RampartError(`[data folder] ${join(root, stranger)} is no class of the list${near ? `; did you mean "${near}"?` : ''}`);
  }
  const list = await imagesByClass(root, folders, (name) => labels.get(name) as number);
  if (list.paths.length === 0) throw new RampartError(`[data folder] ${root} holds no images in its folders`);
  return list;
}

async function load(given: Params, { dataDir, limit }: LoadOptions): Promise<Dataset> {
  const root = resolve(dataDir, given.folder);
  const classNames = await classesOf(given, root, dataDir);
  const test = await listOf(root, classNames);
  const shape = await shapeOf(test, given);
  const train = given.trainFolder === undefined ? undefined : spread(await listOf(resolve(dataDir, given.trainFolder), classNames));
  return {
    name: 'folder',
    shape,
    classNames,
    ...normalizationFrom('folder', given, 3),
    train: train ? imageSplit(firstOf(train, limit?.train), shape, given) : NO_IMAGES,
    test: imageSplit(firstOf(test, limit?.test), shape, given),
  };
}

/** Every image, and the list of classes. */
async function filesOf(given: Params, { dataDir }: LoadOptions): Promise<string[]> {
  const root = resolve(dataDir, given.folder);
  const classes = await classesOf(given, root, dataDir);
  const roots = [root, ...(given.trainFolder === undefined ? [] : [resolve(dataDir, given.trainFolder)])];
  const lists = await Promise.all(roots.map((each) => listOf(each, classes)));
  return [...(given.classList === undefined ? [] : [resolve(dataDir, given.classList)]), ...lists.flatMap(({ paths }) => paths)];
}

export const folder = defineDataset<Params>({
  name: 'folder',
  title: 'Your images: a folder for each class',
  source: 'files of yours',
  version: 2,
  params,
  load,
  files: filesOf,
  check: canDecode,
});
