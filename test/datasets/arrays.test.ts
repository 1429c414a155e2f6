import { expect, test } from 'vitest';
import { arrays } from '../../datasets/arrays.ts';
import { unitFloats } from '../../datasets/split.ts';
import { pixelsOf, temporaryFolder, writeFiles } from './files.ts';
import { npy, npz } from './numpy.ts';

const load = (dataDir: string, params: object, limit?: { train?: number; test?: number }) =>
  arrays.load(arrays.params.parse(params), { dataDir, download: false, ...(limit && { limit }) });

function folderWith(files: Record<string, Uint8Array>): string {
  const folder = temporaryFolder();
  writeFiles(folder, files);
  return folder;
}

/** Three images of 2x4 with 3 channels: value i at place i of (n, height, width, channels). */
const NHWC = Uint8Array.from({ length: 72 }, (_, i) => i);
/** The same with the channels first. */
const NCHW = Uint8Array.from({ length: 72 }, (_, i) => {
  const [image, channel, place] = [Math.floor(i / 24), Math.floor((i % 24) / 8), i % 8];
  return image * 24 + place * 3 + channel;
});
const labels = npy('<i8', [3], BigInt64Array.of(2n, 0n, 1n));
const images = npy('|u1', [3, 2, 4, 3], NHWC);

test.each([
  ['npz', { 'a.npz': npz({ images, labels }) }, { file: 'a.npz' }],
  ['compressed npz', { 'a.npz': npz({ x: images, y: labels }, true) }, { file: 'a.npz' }],
  [
    'npz, names given',
    { 'a.npz': npz({ x: npy('|u1', [1], Uint8Array.of(1)), p: images, q: labels }) },
    { file: 'a.npz', images: 'p', labels: 'q' },
  ],
  ['two npy', { 'x.npy': images, 'y.npy': labels }, { images: 'x.npy', labels: 'y.npy' }],
  ['channels first', { 'x.npy': npy('|u1', [3, 3, 2, 4], NCHW), 'y.npy': labels }, { images: 'x.npy', labels: 'y.npy' }],
  ['channels first, compressed', { 'a.npz': npz({ x: npy('|u1', [3, 3, 2, 4], NCHW), y: labels }, true) }, { file: 'a.npz' }],
  [
    'labels in a column of bytes',
    { 'x.npy': images, 'y.npy': npy('|u1', [3, 1], Uint8Array.of(2, 0, 1)) },
    { images: 'x.npy', labels: 'y.npy' },
  ],
])('%s: pixels and labels are those that were saved', async (_how, files, params) => {
  const data = await load(folderWith(files), params);
  expect([data.shape, data.test.n, data.train.n]).toEqual([[2, 4, 3], 3, 0]);
  expect([...data.test.labels]).toEqual([2, 0, 1]);
  expect(data.classNames).toEqual(['0', '1', '2']);
  expect(await pixelsOf(data.test)).toEqual(NHWC);
  expect(await data.test.read([2, 0, 1])).toEqual(Uint8Array.from([...NHWC.slice(48), ...NHWC.slice(0, 48)]));
});

test.each([
  [
    'float32',
    npy(
      '<f4',
      [3, 2, 4, 3],
      Float32Array.from(NHWC, (b) => b / 255),
    ),
  ],
  [
    'float64',
    npy(
      '<f8',
      [3, 2, 4, 3],
      Float64Array.from(NHWC, (b) => b / 255),
    ),
  ],
  [
    'float64, channels first',
    npy(
      '<f8',
      [3, 3, 2, 4],
      Float64Array.from(NCHW, (b) => b / 255),
    ),
  ],
])('%s in [0,1] are the floats that bytes stand for', async (_type, x) => {
  const data = await load(folderWith({ 'a.npz': npz({ x, y: labels }) }), { file: 'a.npz' });
  expect(await pixelsOf(data.test)).toEqual(unitFloats(NHWC));
});

test('gray images need no axis of channels, a limit takes the first, and there may be a training split', async () => {
  const gray = (n: number) =>
    npy(
      '|u1',
      [n, 2, 2],
      Uint8Array.from({ length: 4 * n }, (_, i) => i),
    );
  const y = (...all: number[]) => npy('<i4', [all.length], Int32Array.from(all));
  const folder = folderWith({ 'a.npz': npz({ x_train: gray(4), y_train: y(0, 1, 1, 3), x_test: gray(2), y_test: y(1, 0) }) });
  const data = await load(folder, { file: 'a.npz', classes: 5, mean: [0.1], std: [0.3] }, { train: 2, test: 1 });
  expect(data).toMatchObject({ shape: [2, 2, 1], mean: [0.1], std: [0.3], classNames: ['0', '1', '2', '3', '4'] });
  expect([data.train.n, [...data.train.labels], data.test.n]).toEqual([2, [0, 1], 1]);
  expect(await pixelsOf(data.train)).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
});

test('of a file that is not compressed only what is asked for is read', async () => {
  const folder = folderWith({ 'x.npy': images, 'y.npy': labels });
  const data = await load(folder, { images: 'x.npy', labels: 'y.npy' });
  writeFiles(folder, {
    'x.npy': npy(
      '|u1',
      [3, 2, 4, 3],
      NHWC.map((v) => 255 - v),
    ),
  });
  expect((await data.test.read([0]))[0]).toBe(255);
  writeFiles(folder, { 'x.npy': images.subarray(0, 100) });
  await expect(data.test.read([0])).rejects.toThrow('x.npy: changed while it was read');
});

const float = (v: number) =>
  npy(
    '<f4',
    [3, 2, 4, 3],
    Float32Array.from({ length: 72 }, (_, i) => (i === 30 ? v : 0.5)),
  );

test.each([
  [255, 'image 1: expected pixels from 0 to 1, got 255; save them as numpy.uint8, or divide by 255'],
  [-0.5, 'image 1: expected pixels from 0 to 1, got -0.5; if they are in [-1,1], save (x + 1) / 2'],
  [2.25, 'image 1: expected pixels from 0 to 1, got 2.25; attacks are bounded in pixels from 0 to 1: undo the normalisation'],
  [Number.NaN, 'image 1: expected pixels from 0 to 1, got NaN; NaN is no pixel'],
])('floats beyond [0,1], here %d, are refused when they are read, with what to do', async (value, message) => {
  const data = await load(folderWith({ 'x.npy': float(value), 'y.npy': labels }), { images: 'x.npy', labels: 'y.npy' });
  await expect(data.test.read([1])).rejects.toThrow(message);
  expect(await data.test.read([0])).toHaveLength(24);
});

const tiny = (shape: readonly number[]) => npy('|u1', shape, new Uint8Array(shape.reduce((a, b) => a * b, 1)));

test.each<[string, Record<string, Uint8Array>, object, string]>([
  ['nothing named', {}, {}, 'nothing says where the images are; give file (an .npz archive), or images and labels (.npy files)'],
  ['no such file', {}, { file: 'a.npz' }, 'a.npz: cannot be read: ENOENT'],
  [
    'other names',
    { 'a.npz': npz({ p: images, labels }) },
    { file: 'a.npz' },
    'a.npz: which array holds the images? it has p, labels; say which: images: NAME',
  ],
  [
    'two that may be it',
    { 'a.npz': npz({ x: images, x_test: images, y: labels }) },
    { file: 'a.npz' },
    'any of x, x_test may be the images; say which: images: x',
  ],
  ['a name that is not there', { 'a.npz': npz({ x: images, y: labels }) }, { file: 'a.npz', images: 'z' }, 'has no array "z"; it has x, y'],
  [
    'channels at either end',
    { 'a.npz': npz({ x: tiny([3, 3, 4, 3]), y: labels }) },
    { file: 'a.npz' },
    'the shape (3, 3, 4, 3) does not tell where the channels are; say so: layout: nhwc or nchw',
  ],
  ['channels nowhere', { 'a.npz': npz({ x: tiny([3, 4, 4, 4]), y: labels }) }, { file: 'a.npz' }, 'does not tell where the channels are'],
  [
    'no images',
    { 'a.npz': npz({ x: tiny([3, 12]), y: labels }) },
    { file: 'a.npz' },
    'expected images of shape (n, height, width, channels) or (n, channels, height, width), got (3, 12)',
  ],
  [
    'whole numbers',
    { 'a.npz': npz({ x: npy('<i4', [3, 4, 2, 3], new Int32Array(72)), y: labels }) },
    { file: 'a.npz' },
    'expected images of uint8, float32 or float64, got <i4; save x.astype(numpy.uint8) where pixels are 0..255',
  ],
  [
    'one-hot labels',
    { 'a.npz': npz({ x: images, y: tiny([3, 10]) }) },
    { file: 'a.npz' },
    'expected one label per image, got the shape (3, 10); if they are one-hot, save y.argmax(1)',
  ],
  ['too few labels', { 'a.npz': npz({ x: images, y: tiny([2]) }) }, { file: 'a.npz' }, '2 labels for 3 images'],
  [
    'a label below 0',
    { 'a.npz': npz({ x: images, y: npy('<i4', [3], Int32Array.of(0, -1, 1)) }) },
    { file: 'a.npz' },
    'label 1: expected a whole number from 0 to 99999, got -1',
  ],
  ['a label beyond the classes', { 'a.npz': npz({ x: images, y: labels }) }, { file: 'a.npz', classes: 2 }, 'label 2 is out of range 0..1'],
  [
    'names for other classes',
    { 'a.npz': npz({ x: images, y: labels }) },
    { file: 'a.npz', classes: 4, classNames: ['a', 'b', 'c'] },
    'classes says 4, classNames has 3 names',
  ],
  [
    'a shape with more than there is',
    { 'a.npz': npz({ x: npy('|u1', [3, 999, 999, 3], NHWC), y: labels }) },
    { file: 'a.npz' },
    'truncated: it has 200 bytes, its shape (3, 999, 999, 3) needs 8982137',
  ],
  [
    'more than the shape',
    { 'a.npz': npz({ x: npy('|u1', [3, 2, 2, 3], NHWC), y: labels }, true) },
    { file: 'a.npz' },
    'its compressed bytes are damaged, or more than its header says',
  ],
  [
    'too much to hold',
    { 'a.npz': npz({ x: npy('|u1', [30000, 999, 999, 3], NHWC), y: labels }, true) },
    { file: 'a.npz' },
    '89820090128 bytes are too many to hold; save it with numpy.savez, then it is read by piece',
  ],
])('%s: refused, with what to do', async (_what, files, params, message) => {
  await expect(load(folderWith(files), params)).rejects.toThrow(message);
});
