/** Small files in the formats of CIFAR and MNIST, made for a test. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { onTestFinished } from 'vitest';
import { CIFAR10, type CifarFormat } from '../../datasets/cifar.ts';
import type { Dataset, Split } from '../../datasets/dataset.ts';
import { hashSplits } from '../../datasets/split.ts';

export const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

export const hashOf = async ({ shape, train, test }: Dataset) => (await hashSplits(shape, train, test)).both;

/** All pixels of a split. */
export const pixelsOf = (split: Split) => split.read(Array.from({ length: split.n }, (_, i) => i));

/** Bytes of a file, 0 when there is none. */
export const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** CIFAR-10 with `train` images in each of five files and `test` in the last, to keep fixtures small. */
export function smallCifar(train: number, test: number, change: Partial<CifarFormat> = {}): CifarFormat {
  return { ...CIFAR10, perFile: { train, test }, ...change };
}

/** What pixel `i` (red, green, blue in turn) of image `image` of file number `file` is. */
export const pixel = (file: number, image: number, i: number) => (31 * file + 7 * image + 3 * i) % 251;
export const labelOf = (file: number, image: number) => (file + image) % 10;

/** Records of `n` images: the label, then planes of red, green and blue. */
export function cifarFile(file: number, n: number): Uint8Array {
  const bytes = new Uint8Array(n * 3073);
  for (let image = 0; image < n; image++) {
    bytes[image * 3073] = labelOf(file, image);
    for (let c = 0; c < 3; c++) for (let p = 0; p < 1024; p++) bytes[image * 3073 + 1 + c * 1024 + p] = pixel(file, image, 3 * p + c);
  }
  return bytes;
}

/** Writes the six files of `format` into `folder`. */
export function writeCifar(format: CifarFormat, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [k, name] of format.train.entries()) writeFileSync(join(folder, name), cifarFile(k, format.perFile.train));
  writeFileSync(join(folder, format.test[0] as string), cifarFile(9, format.perFile.test));
}

/** The archive of `format` as its home page would have it. */
export async function cifarArchive(format: CifarFormat): Promise<Uint8Array> {
  const folder = temporaryFolder();
  writeCifar(format, join(folder, format.folder));
  await create({ gzip: true, file: join(folder, 'archive.tar.gz'), cwd: folder }, [format.folder]);
  return readFileSync(join(folder, 'archive.tar.gz'));
}

/** IDX files of `n` images or labels of unsigned bytes, `value(i)` being byte i after the header. */
export function idx(dims: readonly number[], value: (i: number) => number): Uint8Array {
  const size = dims.reduce((a, b) => a * b, 1);
  const bytes = new Uint8Array(4 + 4 * dims.length + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x800 + dims.length);
  for (const [d, n] of dims.entries()) view.setUint32(4 + 4 * d, n);
  for (let i = 0; i < size; i++) bytes[4 + 4 * dims.length + i] = value(i);
  return bytes;
}

/** The four files of an MNIST-like set with 6 training and 4 test images, by published name, not gzipped. */
export const mnistFiles = (): Record<string, Uint8Array> => ({
  'train-images-idx3-ubyte': idx([6, 28, 28], (i) => i % 256),
  'train-labels-idx1-ubyte': idx([6], (i) => 9 - i),
  't10k-images-idx3-ubyte': idx([4, 28, 28], (i) => (5 * i) % 256),
  't10k-labels-idx1-ubyte': idx([4], (i) => i),
});

export const gzipped = (files: Record<string, Uint8Array>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]));

export function writeFiles(folder: string, files: Record<string, Uint8Array>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
}
