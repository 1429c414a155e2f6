import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { FASHION_MNIST, fashionMnist, MNIST, type MnistFormat, mnist, mnistPlugin } from '../../datasets/mnist.ts';
import { gzipped, hashOf, idx, md5, mnistFiles, pixelsOf, temporaryFolder, writeFiles } from './files.ts';
import { serveFiles } from './server.ts';

const FOUR = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'];

/** A folder with `files` where mnist looks for them. */
function folderWith(files: Record<string, Uint8Array>, under = 'mnist'): string {
  const folder = temporaryFolder();
  writeFiles(join(folder, under), files);
  return folder;
}

const load = (dataDir: string, limit?: { train?: number; test?: number }) =>
  mnist.load({}, { dataDir, download: false, ...(limit && { limit }) });

test.each([
  ['plain', mnistFiles(), 'mnist'],
  ['gzipped', gzipped(mnistFiles()), 'mnist'],
  ['in the folder torchvision makes', mnistFiles(), 'MNIST/raw'],
])('IDX files are read: %s', async (_case, files, under) => {
  const data = await load(folderWith(files, under));
  expect(data.shape).toEqual([28, 28, 1]);
  expect([data.train.n, data.test.n]).toEqual([6, 4]);
  expect([...data.train.labels]).toEqual([9, 8, 7, 6, 5, 4]);
  expect([...(await pixelsOf(data.train)).subarray(784, 790)]).toEqual([784, 785, 786, 787, 788, 789].map((v) => v % 256));
  expect([...data.test.labels]).toEqual([0, 1, 2, 3]);
});

test('gzipped or not, the data set is the same', async () => {
  const [a, b] = [await load(folderWith(mnistFiles())), await load(folderWith(gzipped(mnistFiles())))];
  expect(await hashOf(a)).toBe(await hashOf(b));
});

test('a limit takes images from the start', async () => {
  const data = await load(folderWith(mnistFiles()), { train: 2, test: 3 });
  expect([data.train.n, (await pixelsOf(data.train)).length, data.test.n, data.test.labels.length]).toEqual([2, 2 * 784, 3, 3]);
});

test('Fashion-MNIST is not looked for among the files of MNIST', async () => {
  const folder = folderWith(mnistFiles());
  const alone = mnistPlugin({ ...FASHION_MNIST, systemFolders: [] });
  await expect(alone.load({}, { dataDir: folder, download: false })).rejects.toThrow(`${join(folder, 'fashion-mnist')} lacks train-images`);
});

test('files that a package of the system put elsewhere are found by themselves; those of the data folder come first', async () => {
  const system = folderWith(gzipped(mnistFiles()), '');
  const plugin = mnistPlugin({ ...FASHION_MNIST, systemFolders: [join(system, 'nowhere'), system] });
  const options = { dataDir: temporaryFolder(), download: true };
  expect(await plugin.check(options)).toEqual({ usable: true, detail: `in ${join(system, 'train-images-idx3-ubyte.gz')}` });
  expect([...(await plugin.load({}, options)).test.labels]).toEqual([0, 1, 2, 3]);
  const own = { 't10k-labels-idx1-ubyte': idx([4], () => 5) };
  const data = await plugin.load({}, { dataDir: folderWith(own, 'fashion-mnist'), download: false });
  expect([...data.test.labels]).toEqual([5, 5, 5, 5]);
});

const [PACKAGE] = FASHION_MNIST.systemFolders ?? [];

test.skipIf(!existsSync(PACKAGE as string))('the package of Debian is read whole', async () => {
  const data = await fashionMnist.load({}, { dataDir: temporaryFolder(), download: false });
  expect([data.train.n, data.test.n]).toEqual([60_000, 10_000]);
  // as its authors show them: an ankle boot first of all, and as many images of each class
  expect(data.train.labels[0]).toBe(9);
  for (const label of data.classNames.keys()) expect(data.test.labels.filter((l) => l === label)).toHaveLength(1000);
  expect([...(await data.test.read([0, 9_999]))].reduce((a, b) => Math.max(a, b))).toBe(255);
});

test('the missing files are downloaded and checked; those that are there stay', async () => {
  const files = gzipped(mnistFiles());
  const server = await serveFiles(files);
  onTestFinished(() => server.close());
  const md5s = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, md5(bytes)]));
  const format: MnistFormat = { ...MNIST, bases: [server.url], md5: md5s };
  const folder = folderWith({ 't10k-labels-idx1-ubyte': idx([4], () => 5) });
  const data = await mnistPlugin(format).load({}, { dataDir: folder, download: true });
  expect([...data.test.labels]).toEqual([5, 5, 5, 5]);
  expect(server.requests.map((r) => r.path)).toEqual(FOUR.slice(0, 3).map((f) => `${f}.gz`));
  expect(readdirSync(join(folder, 'mnist')).sort()).toEqual([...FOUR.slice(0, 3).map((f) => `${f}.gz`), 't10k-labels-idx1-ubyte'].sort());
});

test('both name a checksum for each of their four files', () => {
  for (const format of [MNIST, FASHION_MNIST]) {
    expect(Object.keys(format.md5).sort()).toEqual(FOUR.map((f) => `${f}.gz`).sort());
    expect(new Set(Object.values(format.md5)).size).toBe(4);
    for (const sum of Object.values(format.md5)) expect(sum).toMatch(/^[0-9a-f]{32}$/);
  }
});

test('check says what is missing and which command brings it', async () => {
  const folder = temporaryFolder();
  const state = await mnist.check({ dataDir: folder, download: false });
  expect(state.usable).toBe(false);
  expect(state.remedy).toContain(
    `curl -L --create-dirs -o ${join(folder, 'mnist')}/$f.gz https://ossci-datasets.s3.amazonaws.com/mnist/$f.gz`,
  );
  writeFiles(join(folder, 'mnist'), mnistFiles());
  expect((await mnist.check({ dataDir: folder, download: false })).usable).toBe(true);
});

test.each<[string, Record<string, Uint8Array>, string]>([
  [
    'truncated images',
    { 'train-images-idx3-ubyte': idx([6, 28, 28], () => 0).subarray(0, 1000) },
    'train-images-idx3-ubyte: truncated: it ends at byte 1000, expected 4720 (6 items)',
  ],
  [
    'a header cut short',
    { 't10k-labels-idx1-ubyte': new Uint8Array(5) },
    't10k-labels-idx1-ubyte: truncated: it ends at byte 5, inside its header of 8 bytes',
  ],
  [
    'the wrong kind',
    { 'train-labels-idx1-ubyte': idx([6, 28, 28], () => 0) },
    'train-labels-idx1-ubyte: the number at byte 0 is 0x803, expected 0x801 (IDX labels)',
  ],
  [
    'images of another size',
    { 't10k-images-idx3-ubyte': idx([4, 32, 28], () => 0) },
    't10k-images-idx3-ubyte: the size at byte 8 is 32, expected 28',
  ],
  [
    'bytes after the end',
    { 't10k-labels-idx1-ubyte': new Uint8Array([...idx([4], () => 0), 1]) },
    't10k-labels-idx1-ubyte: too long: it ends at byte 13, expected 12',
  ],
  [
    'more images than labels',
    { 'train-labels-idx1-ubyte': idx([5], () => 0) },
    'train-images-idx3-ubyte has 6 images but train-labels-idx1-ubyte 5 labels',
  ],
  [
    'no images',
    { 't10k-images-idx3-ubyte': idx([0, 28, 28], () => 0), 't10k-labels-idx1-ubyte': idx([0], () => 0) },
    't10k-images-idx3-ubyte: expected at least one of images, got none',
  ],
  [
    'more images than any set has',
    { 't10k-images-idx3-ubyte': Uint8Array.from([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28]) },
    't10k-images-idx3-ubyte: expected at most 1000000 images, its header says 4294967295',
  ],
  [
    'a label out of range',
    { 'train-labels-idx1-ubyte': idx([6], (i) => (i === 4 ? 10 : 1)) },
    'train-labels-idx1-ubyte: label 10 at byte 12 (image 4) is out of range 0..9',
  ],
])('%s are refused', async (_case, change, message) => {
  await expect(load(folderWith({ ...mnistFiles(), ...change }))).rejects.toThrow(message);
});

test('a truncated gzip file is refused', async () => {
  const files = gzipped(mnistFiles());
  const folder = folderWith(files);
  const name = 't10k-images-idx3-ubyte.gz';
  writeFileSync(join(folder, 'mnist', name), (files[name] as Uint8Array).subarray(0, 100));
  await expect(load(folder)).rejects.toThrow(/t10k-images-idx3-ubyte\.gz: no whole gzip file, it ends at byte 100: /);
});

test('a gzip file is not unzipped further than its header says', async () => {
  // 64 MB of zeros after the header of four images, in 64 kB
  const bomb = gzipSync(Buffer.concat([idx([4, 28, 28], () => 0), Buffer.alloc(64 * 2 ** 20)]));
  expect(bomb.length).toBeLessThan(100_000);
  const files = { ...gzipped(mnistFiles()), 't10k-images-idx3-ubyte.gz': bomb };
  await expect(load(folderWith(files))).rejects.toThrow(
    't10k-images-idx3-ubyte.gz: too long: expected 3152 bytes unzipped, got more; move it away',
  );
});

test('a folder in the place of a file is refused', async () => {
  const folder = folderWith(mnistFiles());
  const path = join(folder, 'mnist', 't10k-labels-idx1-ubyte');
  rmSync(path);
  mkdirSync(path);
  await expect(load(folder)).rejects.toThrow(`${path}: expected a plain file, got none`);
});
