import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Split } from '../../datasets/dataset.ts';
import { folder } from '../../datasets/folder.ts';
import { pixelsOf } from './files.ts';
import { folderOf, png } from './pictures.ts';

const load = (dataDir: string, params: object = {}, limit?: { train?: number; test?: number }) =>
  folder.load(folder.params.parse(params), { dataDir, download: false, ...(limit && { limit }) });

/** The gray value of every 2x2 image. */
const grays = async (split: Split) => {
  const pixels = await pixelsOf(split);
  return Array.from({ length: split.n }, (_, i) => pixels[12 * i]);
};

test('classes are the sorted folders, images are sorted in each, as torchvision has them', async () => {
  const root = folderOf({
    'b/2.png': 20,
    'b/10.png': 21,
    'B/x.png': 30,
    'a/z.PNG': 40,
    'a/é.png': 42,
    'a/sub/deep/a.png': 43,
    'a/sub-1/a.png': 41,
    'a/notes.txt': 'not an image',
    'top.png': 50,
    '.cache/x.png': 60,
  });
  const { test: split, classNames, shape, train } = await load(root);
  expect([classNames, shape, train.n]).toEqual([['B', 'a', 'b'], [2, 2, 3], 0]);
  expect(await grays(split)).toEqual([30, 40, 42, 41, 43, 21, 20]);
  expect([...split.labels]).toEqual([0, 1, 1, 1, 1, 2, 2]);
  expect(await split.read([5, 0])).toEqual(Uint8Array.from([...new Array(12).fill(21), ...new Array(12).fill(30)]));
});

test('a list of classes gives the order of the labels, and may name some that have no images', async () => {
  const root = folderOf({ 'cat/1.png': 1, 'dog/1.png': 2, 'list.txt': 'dog\r\nemu\n\ncat\n' });
  for (const params of [{ classList: 'list.txt' }, { classNames: ['dog', 'emu', 'cat'] }]) {
    const data = await load(root, params);
    expect([data.classNames, [...data.test.labels], await grays(data.test)]).toEqual([
      ['dog', 'emu', 'cat'],
      [2, 0],
      [1, 2],
    ]);
  }
});

test('test and training images have folders of their own, one order of labels, and limits', async () => {
  const root = folderOf({ 'val/a/1.png': 1, 'val/b/1.png': 2, 'train/b/1.png': 3, 'train/b/2.png': 4, 'train/a/1.png': 5 });
  const data = await load(root, { folder: 'val', trainFolder: 'train' }, { train: 2, test: 1 });
  // of three images the middle one is that of the class that has one
  expect([await grays(data.train), [...data.train.labels]]).toEqual([
    [3, 5],
    [1, 0],
  ]);
  expect([data.test.n, data.mean, data.std]).toEqual([1, [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]);
});

test('images are resized and cropped as told', async () => {
  const root = folderOf({ 'a/1.png': png(7, 40, 30), 'a/2.png': png(8, 31, 90) });
  expect((await load(root, { resize: 24, crop: 20 })).shape).toEqual([20, 20, 3]);
  const { shape, test: split } = await load(root, { resize: [6, 8] });
  expect([shape, await pixelsOf(split)]).toEqual([[6, 8, 3], Uint8Array.from([...new Array(144).fill(7), ...new Array(144).fill(8)])]);
});

test('images of several sizes are refused by the name of the first that differs, with what to say', async () => {
  const root = folderOf({ 'a/1.png': png(7, 40, 30), 'a/2.png': png(8, 31, 90) });
  const { test: split } = await load(root);
  await expect(split.read([1])).rejects.toThrow(`${join(root, 'a/2.png')}: is 31x90, others are 40x30; say what size: resize and crop`);
});

test('a broken image is an error that names it', async () => {
  const root = folderOf({ 'a/1.png': 1, 'a/2.png': png(3).subarray(0, 60), 'a/3.bmp': 'BM' });
  const { test: split } = await load(root);
  await expect(split.read([0, 1])).rejects.toThrow(`${join(root, 'a/2.png')}: cannot be decoded`);
  await expect(split.read([2])).rejects.toThrow(`${join(root, 'a/3.bmp')}: expected a JPEG, PNG or WebP image`);
});

test('links out of the folder, to nothing and to folders are refused; one to an image in it is not', async () => {
  const outside = folderOf({ 'secret.png': 9, 'more/1.png': 9 });
  const root = folderOf({ 'a/1.png': 1, 'b/1.png': 2 });
  symlinkSync(join(root, 'b/1.png'), join(root, 'a/2.png'));
  expect(await grays((await load(root)).test)).toEqual([1, 2, 2]);
  symlinkSync(join(outside, 'secret.png'), join(root, 'a/3.png'));
  await expect(load(root)).rejects.toThrow(`${join(root, 'a/3.png')}: is a link out of ${root}; copy the images into the folder`);
  const linked = folderOf({ 'a/1.png': 1 });
  symlinkSync(join(outside, 'more'), join(linked, 'b'));
  await expect(load(linked)).rejects.toThrow(`${join(linked, 'b')}: is a link out of`);
  const inner = folderOf({ 'a/1.png': 1 });
  symlinkSync(join(inner, 'a'), join(inner, 'b'));
  await expect(load(inner)).rejects.toThrow(`${join(inner, 'b')}: is a link to a folder`);
  symlinkSync('nowhere.png', join(inner, 'a/0.png'));
  await expect(load(inner, { classNames: ['a'] })).rejects.toThrow(`${join(inner, 'b')}: is a link to a folder`);
});

test('folders in each other are followed so far and no further', async () => {
  const root = folderOf({ 'a/1.png': 1 });
  const deep = join(root, 'a', ...new Array(20).fill('x'));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, '1.png'), png(1));
  await expect(load(root)).rejects.toThrow('expected at most 16 folders in each other');
});

test.each([
  ['no folder', {}, { folder: 'none' }, 'none: expected a folder, it cannot be read: ENOENT'],
  ['no classes', { '1.png': 1 }, {}, 'holds no folders, expected one for each class'],
  ['no images', { 'a/1.txt': 'x' }, {}, 'holds no images in its folders'],
  [
    'a folder that is not listed',
    { 'cat/1.png': 1, 'dgo/1.png': 1 },
    { classNames: ['cat', 'dog'] },
    'dgo is no class of the list; did you mean "dog"?',
  ],
  ['a class that is listed twice', { 'a/1.png': 1 }, { classNames: ['a', 'b', 'a'] }, 'the class "a" is listed twice'],
  ['no list', { 'a/1.png': 1 }, { classList: 'list.txt' }, 'list.txt: cannot be read'],
])('%s: refused, with what to do', async (_what, files, params, message) => {
  await expect(load(folderOf(files as Record<string, number>), params)).rejects.toThrow(message);
});

test('the files that a load reads are all images and the list', async () => {
  const root = folderOf({ 'val/a/1.png': 1, 'train/a/2.png': 1, 'list.txt': 'a' });
  const params = folder.params.parse({ folder: 'val', trainFolder: 'train', classList: 'list.txt' });
  expect(await folder.files?.(params, { dataDir: root, download: false })).toEqual(
    ['list.txt', 'val/a/1.png', 'train/a/2.png'].map((path) => join(root, path)),
  );
});
