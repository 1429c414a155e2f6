/** Data sets as they are published, in small copies. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cifar10C, cifar100C } from '../../datasets/cifar-c.ts';
import type { DatasetPlugin, Split } from '../../datasets/dataset.ts';
import { imagenet, imagenetPlugin } from '../../datasets/imagenet.ts';
import { tinyImagenet, tinyImagenetPlugin } from '../../datasets/tiny-imagenet.ts';
import { pixelsOf, temporaryFolder, writeFiles } from './files.ts';
import { npy } from './numpy.ts';
import { folderOf, png } from './pictures.ts';

const load = (plugin: DatasetPlugin, dataDir: string, params: object = {}, limit?: { train?: number; test?: number }) =>
  plugin.load(plugin.params.parse(params), { dataDir, download: false, ...(limit && { limit }) });

/** The first value of every image. */
async function firsts(split: Split): Promise<number[]> {
  const pixels = await pixelsOf(split);
  return Array.from({ length: split.n }, (_, i) => pixels[(i * pixels.length) / split.n] as number);
}

/** Two images for each of the five severities: image i is all `i`. */
const corrupted = npy(
  '|u1',
  [10, 32, 32, 3],
  Uint8Array.from({ length: 10 * 3072 }, (_, i) => Math.floor(i / 3072)),
);
const tenLabels = npy(
  '<i8',
  [10],
  BigInt64Array.from({ length: 10 }, (_, i) => BigInt(i % 2 === 0 ? 3 : 7)),
);

test.each([
  ['CIFAR-10-C/', 1, [0, 1]],
  ['CIFAR-10-C/', 4, [6, 7]],
  ['', 5, [8, 9]],
])('CIFAR-10-C in "%s", severity %i: a fifth of the file, under labels that are the same for each', async (under, severity, values) => {
  const folder = temporaryFolder();
  writeFiles(join(folder, under), { 'fog.npy': corrupted, 'labels.npy': tenLabels });
  const data = await load(cifar10C, folder, { corruption: 'fog', severity });
  expect([data.shape, data.classNames[3], data.train.n, [...data.test.labels]]).toEqual([[32, 32, 3], 'cat', 0, [3, 7]]);
  expect(await firsts(data.test)).toEqual(values);
  expect((await load(cifar10C, folder, { corruption: 'fog', severity }, { test: 1 })).test.n).toBe(1);
});

test('what CIFAR-10-C lacks is named', async () => {
  const folder = temporaryFolder();
  const params = { corruption: 'snow', severity: 2 };
  await expect(load(cifar10C, folder, params)).rejects.toThrow(`found neither ${join(folder, 'CIFAR-10-C/labels.npy')}`);
  writeFiles(join(folder, 'CIFAR-100-C'), { 'labels.npy': tenLabels, 'fog.npy': npy('|u1', [7, 32, 32, 3], new Uint8Array(7 * 3072)) });
  await expect(load(cifar100C, folder, params)).rejects.toThrow('snow.npy: cannot be read: ENOENT');
  await expect(load(cifar100C, folder, { corruption: 'fog', severity: 2 })).rejects.toThrow('expected uint8 of shape (5 n, 32, 32, 3)');
  expect(() => cifar10C.params.parse({ corruption: 'fog', severity: 6 })).toThrow();
  expect(() => cifar10C.params.parse({ corruption: '../fog', severity: 1 })).toThrow();
});

const [A, B, C] = ['n01440764', 'n02119789', 'n03444034'] as const;
const three = imagenetPlugin(3);
const small = { resize: 6, crop: 4 };
/** `n` flat images, the first of gray value 10. */
const flat = (n: number, under = '') =>
  Object.fromEntries(
    Array.from({ length: n }, (_, i) => [`${under}ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`, png(10 * (i + 1), 8, 9)]),
  );

test('ImageNet in a folder for each synset: labels are places among the sorted synsets', async () => {
  const image = (value: number) => png(value, 9, 7);
  const root = folderOf({
    [`val/${C}/x.JPEG`]: image(1),
    [`val/${A}/z.JPEG`]: image(2),
    [`val/${A}/b.JPEG`]: image(3),
    [`val/${B}/a.JPEG`]: image(4),
  });
  const data = await load(three, root, small);
  expect([data.classNames, data.shape, [...data.test.labels]]).toEqual([
    [A, B, C],
    [4, 4, 3],
    [0, 0, 1, 2],
  ]);
  expect(await firsts(data.test)).toEqual([3, 2, 4, 1]);
  expect((await load(three, root, {})).shape).toEqual([224, 224, 3]);
});

test.each([
  [
    'the labels of Caffe',
    { 'val.txt': 'ILSVRC2012_val_00000001.JPEG 2\nILSVRC2012_val_00000002.JPEG 0\nILSVRC2012_val_00000003.JPEG 1\n' },
    {},
  ],
  [
    'the table of Kaggle',
    {
      'LOC_val_solution.csv': `ImageId,PredictionString\nILSVRC2012_val_00000003,${B} 1 2 3 4 ${B} 5 6 7 8\nILSVRC2012_val_00000001,${C} 9 9 9 9\nILSVRC2012_val_00000002,${A} 0 0 1 1\n`,
    },
    {},
  ],
  ['the synsets of TensorFlow', { 'mine.txt': `${C}\n${A}\n${B}\n` }, { labels: 'mine.txt' }],
  [
    'the ground truth of the devkit with its synsets',
    { 'ILSVRC2012_validation_ground_truth.txt': '1\n3\n2\n', 'ids.txt': `${C} crane\n${B}\n${A}\nn00000001 an inner node\n` },
    { synsets: 'ids.txt' },
  ],
])('ImageNet in one folder, with %s', async (_what, files, params) => {
  const root = folderOf({ ...flat(3, 'val/'), ...files });
  const data = await load(three, root, { ...small, ...params });
  expect([await firsts(data.test), [...data.test.labels]]).toEqual([
    [10, 20, 30],
    [2, 0, 1],
  ]);
});

test.each<[string, Record<string, Uint8Array | number | string>, object, string]>([
  [
    'a synset is missing',
    { [`val/${A}/1.JPEG`]: 1, [`val/${B}/1.JPEG`]: 1 },
    {},
    'expected 3 synsets, got 2; labels are places in the list of all',
  ],
  ['nothing says the labels', flat(2), {}, 'holds images, and nothing says their labels; give labels: one of val.txt'],
  [
    'an image has no label',
    { ...flat(2), 'val.txt': 'ILSVRC2012_val_00000001.JPEG 2' },
    {},
    'val.txt has no label of 0..2 for ILSVRC2012_val_00000002.JPEG',
  ],
  ['a label is out of range', { ...flat(1), 'val.txt': 'ILSVRC2012_val_00000001.JPEG 3' }, {}, 'has no label of 0..2 for'],
  [
    'the numbers of the devkit stand alone',
    { ...flat(1), 'ILSVRC2012_validation_ground_truth.txt': '2' },
    {},
    'has the numbers of the devkit, which are not in the order of the labels; give synsets',
  ],
  ['nothing is there', { 'readme.txt': 'x' }, {}, 'found no validation images in'],
])('ImageNet where %s is refused', async (_what, files, params, message) => {
  await expect(load(three, folderOf(files), { ...small, ...params })).rejects.toThrow(message);
});

const tiny = tinyImagenetPlugin(2);
const tinyTrain = {
  [`train/${B}/images/${B}_0.JPEG`]: png(1, 64, 64),
  [`train/${B}/${B}_boxes.txt`]: 'x',
  [`train/${A}/images/${A}_1.JPEG`]: png(2, 64, 64),
};

test.each([
  [
    'as published',
    'tiny-imagenet-200/',
    {
      'val/images/val_0.JPEG': png(5, 64, 64),
      'val/images/val_1.JPEG': png(6, 64, 64),
      'val/val_annotations.txt': `val_1.JPEG\t${A}\t0\t0\t62\t62\nval_0.JPEG\t${B}\t3\t3\t9\t9\n`,
    },
  ],
  ['with a folder for each synset', '', { [`val/${B}/images/val_0.JPEG`]: png(5, 64, 64), [`val/${A}/val_1.JPEG`]: png(6, 64, 64) }],
])('Tiny-ImageNet %s', async (_how, under, val) => {
  const files = Object.fromEntries(Object.entries({ ...tinyTrain, ...val }).map(([path, content]) => [under + path, content]));
  const data = await load(tiny, folderOf(files as Record<string, Uint8Array | string>));
  expect([data.shape, data.classNames]).toEqual([
    [64, 64, 3],
    [A, B],
  ]);
  expect([await firsts(data.train), [...data.train.labels]]).toEqual([
    [2, 1],
    [0, 1],
  ]);
  expect([await firsts(data.test), [...data.test.labels]]).toEqual([
    [6, 5],
    [0, 1],
  ]);
});

test('Tiny-ImageNet with other synsets or a table that leads elsewhere is refused', async () => {
  await expect(load(tinyImagenetPlugin(3), folderOf({ ...tinyTrain, 'val/val_annotations.txt': '' }))).rejects.toThrow(
    'expected 3 folders, got 2',
  );
  const stranger = folderOf({ ...tinyTrain, 'val/val_annotations.txt': `val_0.JPEG\t${C}\n` });
  await expect(load(tiny, stranger)).rejects.toThrow(`"${C}" is no folder of train`);
  const traversal = folderOf({ ...tinyTrain, 'val/val_annotations.txt': `../../secret.JPEG\t${A}\n` });
  await expect(load(tiny, traversal)).rejects.toThrow('line 1 names no image');
});

test('the real ones have as many classes as published, and say where they are missed', async () => {
  expect([cifar10C, cifar100C, imagenet, tinyImagenet].map(({ classes }) => classes)).toEqual([10, 100, 1000, 200]);
  const dataDir = temporaryFolder();
  for (const plugin of [cifar10C, imagenet, tinyImagenet])
    expect(await plugin.check({ dataDir, download: false })).toMatchObject({ usable: false, remedy: expect.any(String) });
});
