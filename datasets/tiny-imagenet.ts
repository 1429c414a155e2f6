/** Tiny-ImageNet (Le and Yang 2015): 64x64 images of 200 synsets; its validation images are the test split, as everywhere. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RampartError, shellWord } from '../errors.ts';
import type { Shape } from '../tensor/tf.ts';
import { type Dataset, type DatasetPlugin, defineDataset, type LoadOptions } from './dataset.ts';
import { linesOf } from './files.ts';
import { byCodePoint, classFolders, firstOf, type ImageList, imageSplit, imagesByClass, spread } from './images/list.ts';
import { IMAGENET_NORMALIZATION } from './normalization.ts';

const SHAPE: Shape = [64, 64, 3];
const FOLDER = 'tiny-imagenet-200';
const ANNOTATIONS = 'val/val_annotations.txt';
const URL = 'http://cs231n.stanford.edu/tiny-imagenet-200.zip';

const fail = (what: string, remedy?: string) => new RampartError(`[data tiny-imagenet] ${what}`, { remedy });

function findRoot(dataDir: string): string {
  const found = [join(dataDir, FOLDER), dataDir].find((place) => existsSync(join(place, 'train')) && existsSync(join(place, 'val')));
  if (found) return found;
  throw fail(
    `found neither ${join(dataDir, FOLDER)} nor train and val in ${dataDir}`,
    `name the folder with --data, or unpack ${URL} into it`,
  );
}

/** Labels are places among the sorted folders of `train`. */
async function synsetsOf(root: string, classes: number): Promise<readonly string[]> {
  const synsets = await classFolders(join(root, 'train'));
  if (synsets.length !== classes) throw fail(`${join(root, 'train')}: expected ${classes} folders, got ${synsets.length}`);
  return synsets;
}

type LabelOf = (synset: string) => number;

/** As it is published: images in one folder, their synsets in a table. */
function annotated(root: string, labelOf: LabelOf): ImageList {
  const file = join(root, ANNOTATIONS);
  const rows = linesOf(file).map((line, i) => {
    const [name = '', synset = ''] = line.split('\t');
    if (!/^[\w-]+\.JPEG$/i.test(name)) throw fail(`${file}: line ${i + 1} names no image`);
    return { path: join(root, 'val/images', name), label: labelOf(synset) };
  });
  return { paths: rows.map(({ path }) => path), labels: Int32Array.from(rows, ({ label }) => label) };
}

/** As many rearrange it: a folder for each synset, with or without a folder `images` in it. */
async function rearranged(root: string, labelOf: LabelOf): Promise<ImageList> {
  const folders = await classFolders(join(root, 'val'));
  return imagesByClass(join(root, 'val'), folders, labelOf);
}

async function listsOf(
  classes: number,
  dataDir: string,
): Promise<{ root: string; synsets: readonly string[]; train: ImageList; test: ImageList }> {
  const root = findRoot(dataDir);
  const synsets = await synsetsOf(root, classes);
  const labels = new Map(synsets.map((name, label) => [name, label]));
  const labelOf = (synset: string): number => {
    const label = labels.get(synset);
    if (label === undefined) throw fail(`${join(root, 'val')}: "${synset.slice(0, 40)}" is no folder of train`);
    return label;
  };
  // the validation split is the end of it
  const train = spread(await imagesByClass(join(root, 'train'), [...synsets].sort(byCodePoint), labelOf, 'images'));
  const test = existsSync(join(root, ANNOTATIONS)) ? annotated(root, labelOf) : await rearranged(root, labelOf);
  return { root, synsets, train, test };
}

async function load(classes: number, { dataDir, limit }: LoadOptions): Promise<Dataset> {
  const { synsets, train, test } = await listsOf(classes, dataDir);
  const split = (list: ImageList, most: number | undefined) => imageSplit(firstOf(list, most), SHAPE, { interpolation: 'bilinear' });
  return {
    name: 'tiny-imagenet',
    shape: SHAPE,
    classNames: synsets,
    ...IMAGENET_NORMALIZATION,
    train: split(train, limit?.train),
    test: split(test, limit?.test),
  };
}

/** With `classes` synsets; tests make small ones. */
export function tinyImagenetPlugin(classes: number): DatasetPlugin {
  return defineDataset<Record<string, never>>({
    name: 'tiny-imagenet',
    title: 'Tiny-ImageNet',
    source: 'Le and Yang 2015',
    version: 2,
    shape: SHAPE,
    classes,
    params: z.strictObject({}),
    load: (_params, options) => load(classes, options),
    async files(_params, { dataDir }) {
      const { root, train, test } = await listsOf(classes, dataDir);
      const table = join(root, ANNOTATIONS);
      return [...(existsSync(table) ? [table] : []), ...train.paths, ...test.paths];
    },
    async check({ dataDir }) {
      try {
        return { usable: true, detail: `in ${findRoot(dataDir)}` };
      } catch {
        return { usable: false, detail: `not in ${dataDir}`, remedy: `unpack ${URL} into ${shellWord(dataDir)}` };
      }
    },
  });
}

export const tinyImagenet = tinyImagenetPlugin(200);
