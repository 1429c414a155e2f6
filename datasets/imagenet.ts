/** The validation images of ImageNet (ILSVRC 2012, Russakovsky et al. 2015, arXiv 1409.0575): in a folder for each synset, or all in one. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import type { Shape } from '../tensor/tf.ts';
import { type Dataset, type DatasetPlugin, defineDataset, type LoadOptions } from './dataset.ts';
import { linesOf } from './files.ts';
import { byCodePoint, classFolders, entriesOf, firstOf, type ImageList, imageSplit, imagesByClass } from './images/list.ts';
import { type Preparation, preparationParams } from './images/prepare.ts';
import { IMAGENET_NORMALIZATION } from './normalization.ts';
import { NO_IMAGES } from './split.ts';

const path = z.string().min(1).max(4096);

const params = z.strictObject({
  ...preparationParams,
  resize: preparationParams.resize.default(256),
  crop: z.number().int().min(1).max(4096).default(224).describe('The square cut from the middle after that'),
  labels: path
    .optional()
    .describe(
      'Where images are all in one folder: a file with their labels, as Caffe (val.txt), Kaggle (LOC_val_solution.csv) and TensorFlow have it, or the ground truth of the devkit',
    ),
  synsets: path.optional().describe('For the ground truth of the devkit: a file with the synset of every ILSVRC2012_ID, in their order'),
});
type Params = z.infer<typeof params>;

/** Folders below the data folder that may hold the images. */
const PLACES = ['ILSVRC2012_img_val', 'val', 'imagenet/val', '.'];
/** Files that may hold the labels, beside the images or in the data folder. */
const LABEL_FILES = [
  'val.txt',
  'LOC_val_solution.csv',
  'imagenet_2012_validation_synset_labels.txt',
  'ILSVRC2012_validation_ground_truth.txt',
];

const FLAT = /^ILSVRC2012_val_(\d{8})\.JPEG$/i;
const SYNSET = /^n\d{8}$/;

const fail = (what: string, remedy?: string) => new RampartError(`[data imagenet] ${what}`, { remedy });

interface Found {
  readonly list: ImageList;
  readonly synsets: readonly string[];
  /** Beside the images. */
  readonly files: readonly string[];
}

/** Labels are places in the sorted synsets: with one missing, all that follow would be wrong. */
function sortedSynsets(names: Iterable<string>, classes: number, where: string): string[] {
  const synsets = [...new Set(names)].sort(byCodePoint);
  if (synsets.length !== classes)
    throw fail(
      `${where}: expected ${classes} synsets, got ${synsets.length}`,
      'labels are places in the list of all; for some of the classes use the data set folder with a classList',
    );
  return synsets;
}

async function inFolders(root: string, folders: readonly string[], classes: number): Promise<Found> {
  const synsets = sortedSynsets(folders, classes, root);
  const labels = new Map(synsets.map((name, label) => [name, label]));
  return { list: await imagesByClass(root, synsets, (name) => labels.get(name) as number), synsets, files: [] };
}

/** The label of an image by its number, from 1. */
interface Truth {
  readonly synsets: readonly string[];
  label(number: number, name: string): number | undefined;
}

function truthOf(file: string, { synsets: list }: Params, dataDir: string, classes: number): Truth {
  const lines = linesOf(file).filter((line) => !line.startsWith('ImageId'));
  const words = lines.map((line) => line.split(/[\s,]+/));
  const numbered = Array.from({ length: classes }, (_, k) => String(k));
  if (words.every(([first, second]) => first !== undefined && SYNSET.test(first) && second === undefined)) {
    const synsets = sortedSynsets(lines, classes, file);
    const labels = new Map(synsets.map((name, label) => [name, label]));
    return { synsets, label: (number) => labels.get(lines[number - 1] ?? '') };
  }
  if (words.every(([first, second]) => first !== undefined && /^\d+$/.test(first) && second === undefined)) {
    if (list === undefined)
      throw fail(
        `${file} has the numbers of the devkit, which are not in the order of the labels`,
        'give synsets: a file with the synset of every ILSVRC2012_ID, or labels: val.txt of Caffe',
      );
    const ids = linesOf(resolve(dataDir, list))
      .map((line) => line.split(/[\s,]+/)[0] as string)
      .slice(0, classes);
    const synsets = sortedSynsets(ids, classes, list);
    const labels = new Map(synsets.map((name, label) => [name, label]));
    return { synsets, label: (number) => labels.get(ids[Number(lines[number - 1]) - 1] ?? '') };
  }
  const byName = new Map(words.map(([name = '', label = '']) => [name.replace(/\.JPEG$/i, ''), label]));
  const bySynset = [...byName.values()].every((label) => SYNSET.test(label));
  const synsets = bySynset ? sortedSynsets(byName.values(), classes, file) : numbered;
  const labels = new Map(synsets.map((name, label) => [name, label]));
  return { synsets, label: (_number, name) => labels.get(byName.get(name.replace(/\.JPEG$/i, '')) ?? '') };
}

function inOneFolder(root: string, names: readonly string[], given: Params, dataDir: string, classes: number): Found {
  const candidates = [root, dataDir].flatMap((place) => LABEL_FILES.map((name) => join(place, name)));
  const file = given.labels === undefined ? candidates.find((candidate) => existsSync(candidate)) : resolve(dataDir, given.labels);
  if (!file) throw fail(`${root} holds images, and nothing says their labels`, `give labels: one of ${LABEL_FILES.join(', ')}`);
  const truth = truthOf(file, given, dataDir, classes);
  const labels = names.map((name) => {
    const label = truth.label(Number(name.match(FLAT)?.[1]), name);
    if (label === undefined) throw fail(`${file} has no label of 0..${classes - 1} for ${name}`);
    return label;
  });
  const files = [file, ...(given.synsets === undefined ? [] : [resolve(dataDir, given.synsets)])];
  return { list: { paths: names.map((name) => join(root, name)), labels: Int32Array.from(labels) }, synsets: truth.synsets, files };
}

async function find(classes: number, given: Params, dataDir: string): Promise<Found> {
  for (const place of PLACES) {
    const root = join(dataDir, place);
    if (!existsSync(root)) continue;
    const names = (await entriesOf(root)).map((entry) => entry.name);
    const flat = names.filter((name) => FLAT.test(name)).sort(byCodePoint);
    if (flat.length > 0) return inOneFolder(root, flat, given, dataDir, classes);
    if (names.some((name) => SYNSET.test(name)))
      return inFolders(
        root,
        (await classFolders(root)).filter((name) => SYNSET.test(name)),
        classes,
      );
  }
  throw fail(
    `found no validation images in ${PLACES.map((place) => join(dataDir, place)).join(', ')}`,
    'name the folder with --data; a licence from image-net.org is needed to get them',
  );
}

async function load(classes: number, given: Params, { dataDir, limit }: LoadOptions): Promise<Dataset> {
  const { list, synsets } = await find(classes, given, dataDir);
  const shape: Shape = [given.crop, given.crop, 3];
  const test = imageSplit(firstOf(list, limit?.test), shape, given as Preparation);
  return { name: 'imagenet', shape, classNames: synsets, ...IMAGENET_NORMALIZATION, train: NO_IMAGES, test };
}

/** For `classes` synsets; tests make small ones. */
export function imagenetPlugin(classes: number): DatasetPlugin {
  return defineDataset<Params>({
    name: 'imagenet',
    title: 'ImageNet, validation images',
    source: 'Russakovsky et al. 2015 (arXiv 1409.0575)',
    version: 1,
    classes,
    params,
    load: (given, options) => load(classes, given, options),
    async files(given, { dataDir }) {
      const { list, files } = await find(classes, given, dataDir);
      return [...files, ...list.paths];
    },
    async check({ dataDir }) {
      const place = PLACES.map((each) => join(dataDir, each)).find((each) => existsSync(each) && each !== dataDir);
      return place
        ? { usable: true, detail: `perhaps in ${place}` }
        : {
            usable: false,
            detail: `not in ${dataDir}`,
            remedy: 'get the validation images from image-net.org and name their folder with --data',
          };
    },
  });
}

export const imagenet = imagenetPlugin(1000);
