import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CIFAR10, CIFAR100, type CifarFormat, cifar10, cifar100, cifarPlugin } from '../../datasets/cifar.ts';
import type { Pixels } from '../../datasets/dataset.ts';
import { cifarArchive, hashOf, labelOf, md5, pixel, pixelsOf, sizeOf, smallCifar, temporaryFolder, writeCifar } from './files.ts';
import { serveFiles } from './server.ts';

const load = (format: CifarFormat, dataDir: string, limit?: { train?: number; test?: number }, download = false) =>
  cifarPlugin(format).load({}, { dataDir, download, ...(limit && { limit }) });

const image = (images: Pixels, i: number) => [...images.subarray(i * 3072, (i + 1) * 3072)];
const drawn = (file: number, k: number) => Array.from({ length: 3072 }, (_, i) => pixel(file, k, i));

test('planes become pixels, and the five training files follow each other', async () => {
  const format = smallCifar(3, 4);
  const folder = temporaryFolder();
  writeCifar(format, join(folder, format.folder));
  const data = await load(format, folder);
  expect([data.train.n, data.test.n]).toEqual([15, 4]);
  expect(image(await pixelsOf(data.train), 0)).toEqual(drawn(0, 0));
  expect(image(await pixelsOf(data.train), 7)).toEqual(drawn(2, 1));
  expect(image(await pixelsOf(data.test), 3)).toEqual(drawn(9, 3));
  expect([...data.train.labels]).toEqual(Array.from({ length: 15 }, (_, i) => labelOf(Math.floor(i / 3), i % 3)));
});

test('files directly in the data folder are found', async () => {
  const format = smallCifar(2, 2);
  const folder = temporaryFolder();
  writeCifar(format, folder);
  expect((await load(format, folder)).train.n).toBe(10);
});

test('a limit takes images from the start and needs no later file', async () => {
  const format = smallCifar(3, 4);
  const folder = temporaryFolder();
  writeCifar({ ...format, train: format.train.slice(0, 2) }, join(folder, format.folder));
  const data = await load(format, folder, { train: 5, test: 1 });
  expect([data.train.n, data.test.n]).toEqual([5, 1]);
  expect(image(await pixelsOf(data.train), 4)).toEqual(drawn(1, 1));
  expect(await pixelsOf(data.train)).toHaveLength(5 * 3072);
});

test('the hash depends on what was loaded and on nothing else', async () => {
  const format = smallCifar(2, 2);
  const [a, b] = [temporaryFolder(), temporaryFolder()];
  writeCifar(format, a);
  writeCifar(format, join(b, format.folder));
  const hash = await hashOf(await load(format, a));
  expect(await hashOf(await load(format, b))).toBe(hash);
  expect(await hashOf(await load(format, a, { train: 9 }))).not.toBe(hash);
});

test('in CIFAR-100 the second label byte is the class', async () => {
  const format: CifarFormat = { ...CIFAR100, perFile: { train: 2, test: 1 } };
  const folder = temporaryFolder();
  const record = (coarse: number, fine: number) => [coarse, fine, ...new Array(3072).fill(fine)];
  writeFileSync(join(folder, 'train.bin'), Uint8Array.from([...record(4, 72), ...record(19, 99)]));
  writeFileSync(join(folder, 'test.bin'), Uint8Array.from(record(0, 3)));
  const data = await load(format, folder);
  expect([...data.train.labels]).toEqual([72, 99]);
  expect((await pixelsOf(data.train))[3072]).toBe(99);
  expect(data.classNames[72]).toBe('seal');
});

test('the real formats are as published', () => {
  expect([cifar10.classes, cifar100.classes]).toEqual([10, 100]);
  expect(new Set(CIFAR100.classNames).size).toBe(100);
  expect([...CIFAR100.classNames].sort()).toEqual([...CIFAR100.classNames]);
  expect(CIFAR10.train.length * CIFAR10.perFile.train).toBe(50_000);
  expect(CIFAR100.train.length * CIFAR100.perFile.train).toBe(50_000);
});

test('what is not there is downloaded, checked and unpacked', async () => {
  const format = smallCifar(2, 2);
  const archive = await cifarArchive(format);
  const folder = temporaryFolder();
  const half = Math.ceil(archive.length / 2);
  const received = () => sizeOf(join(folder, 'cifar-10-binary.tar.gz.part')) === half;
  const server = await serveFiles({ 'cifar-10-binary.tar.gz': archive }, { breakAfter: half, breaks: 1, received });
  onTestFinished(() => server.close());
  const remote = { ...format, archive: { urls: [`${server.url}cifar-10-binary.tar.gz`], md5: md5(archive) } };
  const data = await load(remote, folder, undefined, true);
  expect(image(await pixelsOf(data.train), 3)).toEqual(drawn(1, 1));
  expect(server.requests.map((r) => r.from)).toEqual([0, half]);
  expect(readdirSync(folder)).toEqual([format.folder]);
  await load(remote, folder, undefined, true);
  expect(server.requests).toHaveLength(2);
});

test('an archive that was put there by hand is unpacked and kept', async () => {
  const format = smallCifar(2, 2);
  const archive = await cifarArchive(format);
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'cifar-10-binary.tar.gz'), archive);
  const given = { ...format, archive: { urls: ['http://127.0.0.1:9/cifar-10-binary.tar.gz'], md5: md5(archive) } };
  expect((await load(given, folder, undefined, true)).test.n).toBe(2);
  expect(existsSync(join(folder, 'cifar-10-binary.tar.gz'))).toBe(true);
});

test('a half-unpacked folder of an earlier run is not read as data', async () => {
  const format = smallCifar(2, 2);
  const archive = await cifarArchive(format);
  const server = await serveFiles({ 'a.tar.gz': archive });
  onTestFinished(() => server.close());
  const folder = temporaryFolder();
  writeCifar({ ...format, perFile: { train: 1, test: 1 } }, join(folder, `.${format.folder}.tmp`));
  const remote = { ...format, archive: { urls: [`${server.url}a.tar.gz`], md5: md5(archive) } };
  expect((await load(remote, folder, undefined, true)).train.n).toBe(10);
  expect(readdirSync(folder)).toEqual([format.folder]);
});

test('check says where the files are, that they can be fetched, or which command brings them', async () => {
  const format = smallCifar(2, 2);
  const folder = temporaryFolder();
  const server = await serveFiles({ 'a.tar.gz': new Uint8Array(1) });
  onTestFinished(() => server.close());
  const remote = cifarPlugin({ ...format, archive: { urls: [`${server.url}a.tar.gz`], md5: '' } });
  expect(await remote.check({ dataDir: folder, download: true })).toEqual({
    usable: true,
    detail: `not in ${folder}; downloaded when first used`,
  });
  expect(await remote.check({ dataDir: folder, download: false })).toEqual({
    usable: false,
    detail: `not in ${folder}, and downloads are off`,
    remedy: `curl -L ${server.url}a.tar.gz | tar -xz -C ${folder}`,
  });
  writeCifar(format, join(folder, format.folder));
  expect(await remote.check({ dataDir: folder, download: false })).toEqual({ usable: true, detail: `in ${join(folder, format.folder)}` });
});
