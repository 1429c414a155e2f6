import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type CifarFormat, cifarPlugin } from '../../datasets/cifar.ts';
import { cifarArchive, cifarFile, md5, smallCifar, temporaryFolder, writeCifar } from './files.ts';
import { serveFiles } from './server.ts';

const load = (format: CifarFormat, dataDir: string, download = false) => cifarPlugin(format).load({}, { dataDir, download });

/** A folder with the six files of two images each. */
function whole(): { format: CifarFormat; folder: string; files: string } {
  const format = smallCifar(2, 2);
  const folder = temporaryFolder();
  writeCifar(format, join(folder, format.folder));
  return { format, folder, files: join(folder, format.folder) };
}

test('a truncated file is named with the byte where it ends', async () => {
  const { format, folder, files } = whole();
  truncateSync(join(files, 'data_batch_3.bin'), 4000);
  await expect(load(format, folder)).rejects.toThrow(
    `[data cifar10] ${join(files, 'data_batch_3.bin')} is truncated: it ends at byte 4000, expected 6146 (2 records of 3073 bytes)`,
  );
});

test('a file cut at the end of a record is truncated too', async () => {
  const { format, folder, files } = whole();
  truncateSync(join(files, 'test_batch.bin'), 3073);
  await expect(load(format, folder)).rejects.toThrow('test_batch.bin is truncated: it ends at byte 3073, expected 6146');
});

test('a file that is too long is refused', async () => {
  const { format, folder, files } = whole();
  writeFileSync(join(files, 'data_batch_1.bin'), cifarFile(0, 3));
  await expect(load(format, folder)).rejects.toThrow('data_batch_1.bin is too long: it ends at byte 9219, expected 6146');
});

test('a label out of range is named with its byte and image', async () => {
  const { format, folder, files } = whole();
  const bytes = cifarFile(0, 2);
  bytes[3073] = 11;
  writeFileSync(join(files, 'data_batch_2.bin'), bytes);
  await expect(load(format, folder)).rejects.toThrow(
    `${join(files, 'data_batch_2.bin')}: label 11 at byte 3073 (image 1) is out of range 0..9`,
  );
});

test('in CIFAR-100 both label bytes are checked', async () => {
  const format: CifarFormat = { ...smallCifar(1, 1), name: 'cifar100', train: ['train.bin'], test: ['test.bin'], labelBytes: [20, 100] };
  const folder = temporaryFolder();
  const record = (coarse: number, fine: number) => Uint8Array.from([coarse, fine, ...new Array(3072).fill(0)]);
  writeFileSync(join(folder, 'train.bin'), record(20, 5));
  writeFileSync(join(folder, 'test.bin'), record(19, 100));
  await expect(load(format, folder)).rejects.toThrow('train.bin: label 20 at byte 0 (image 0) is out of range 0..19');
  writeFileSync(join(folder, 'train.bin'), record(19, 99));
  await expect(load(format, folder)).rejects.toThrow('test.bin: label 100 at byte 1 (image 0) is out of range 0..99');
});

test('a folder that lacks some of the files is not mended in silence', async () => {
  const { format, folder, files } = whole();
  rmSync(join(files, 'data_batch_4.bin'));
  await expect(load(format, folder, true)).rejects.toThrow(`[data cifar10] ${files} lacks data_batch_4.bin; add what is missing, or move`);
});

test('without the files and without downloads the message says where they belong and how to get them', async () => {
  const folder = temporaryFolder();
  const format = smallCifar(2, 2);
  await expect(load(format, folder)).rejects.toThrow(
    `[data cifar10] found neither ${join(folder, 'cifar-10-batches-bin', 'test_batch.bin')} nor ${join(folder, 'test_batch.bin')}; ` +
      `name the folder with --data, or get the files: curl -L https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz | tar -xz -C ${folder}`,
  );
});

test('an archive with the wrong checksum is refused and nothing is unpacked', async () => {
  const format = smallCifar(2, 2);
  const archive = await cifarArchive(format);
  const server = await serveFiles({ 'a.tar.gz': archive });
  onTestFinished(() => server.close());
  const folder = temporaryFolder();
  const remote = { ...format, archive: { urls: [`${server.url}a.tar.gz`], md5: '0'.repeat(32) } };
  await expect(load(remote, folder, true)).rejects.toThrow(`MD5 is ${md5(archive)}, expected ${'0'.repeat(32)}`);
  expect(readdirSync(folder)).toEqual([]);
});

test('an archive put there by hand is checked as well, and left alone', async () => {
  const format = smallCifar(2, 2);
  const folder = temporaryFolder();
  const path = join(folder, 'cifar-10-binary.tar.gz');
  writeFileSync(path, 'not an archive');
  await expect(load(format, folder, true)).rejects.toThrow(`${path}: MD5 is`);
  expect(existsSync(path)).toBe(true);
});

test('an archive with the right checksum and a short file is refused before it is moved into place', async () => {
  const format = smallCifar(2, 2);
  const archive = await cifarArchive(smallCifar(1, 2));
  const server = await serveFiles({ 'a.tar.gz': archive });
  onTestFinished(() => server.close());
  const folder = temporaryFolder();
  const remote = { ...format, archive: { urls: [`${server.url}a.tar.gz`], md5: md5(archive) } };
  await expect(load(remote, folder, true)).rejects.toThrow('data_batch_1.bin is truncated: it ends at byte 3073');
  expect(existsSync(join(folder, format.folder))).toBe(false);
});

test('check names what is wrong with files that are there', async () => {
  const { format, folder, files } = whole();
  truncateSync(join(files, 'test_batch.bin'), 10);
  const state = await cifarPlugin(format).check({ dataDir: folder, download: false });
  expect(state.usable).toBe(false);
  expect(state.detail).toContain('test_batch.bin is truncated: it ends at byte 10');
});
