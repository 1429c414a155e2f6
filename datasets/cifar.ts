/** CIFAR-10 and CIFAR-100 (Krizhevsky 2009) from the binary files of their home page. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { extract } from 'tar';
import { z } from 'zod';
import { RampartError, shellWord } from '../errors.ts';
import type { Shape } from '../tensor/tf.ts';
import { type Dataset, type DatasetPlugin, defineDataset, type LoadOptions, type Split } from './dataset.ts';
import { download, once, type Remote, reachable, verify } from './download.ts';
import { CIFAR10_CLASSES, CIFAR100_CLASSES } from './names.ts';
import { CIFAR10_NORMALIZATION, CIFAR100_NORMALIZATION } from './normalization.ts';
import { allocateImages, heldSplit, type Images, limited } from './split.ts';

const SHAPE: Shape = [32, 32, 3];
const PLANE = 32 * 32;
const PIXELS = 3 * PLANE;

/** How one of the two is published. */
export interface CifarFormat {
  readonly name: string;
  readonly title: string;
  readonly archive: Remote;
  /** The folder inside the archive. */
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  readonly perFile: { train: number; test: number };
  /** How many values each label byte before the pixels may have; the last one is the class. */
  readonly labelBytes: readonly number[];
  readonly classNames: readonly string[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const recordOf = (format: CifarFormat) => format.labelBytes.length + PIXELS;

/** The files that `n` images of a split need. */
const filesFor = (format: CifarFormat, split: 'train' | 'test', n: number) => format[split].slice(0, Math.ceil(n / format.perFile[split]));

const countOf = (format: CifarFormat, split: 'train' | 'test', options: LoadOptions) =>
  limited(format[split].length * format.perFile[split], options.limit?.[split]);

const exists = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined;

/** The files that a load needs, both splits. */
const neededFor = (format: CifarFormat, options: LoadOptions) =>
  (['train', 'test'] as const).flatMap((split) => filesFor(format, split, countOf(format, split, options)));

/** The folder that holds the files, or undefined when none is there; a folder of theirs that lacks some is an error. */
async function locate(format: CifarFormat, options: LoadOptions): Promise<string | undefined> {
  const needed = neededFor(format, options);
  const own = join(options.dataDir, format.folder);
  for (const folder of [own, options.dataDir]) {
    const missing: string[] = [];
    for (const file of needed) if (!(await exists(join(folder, file)))) missing.push(file);
    if (missing.length === 0) return folder;
    if (folder === own && (await exists(own)))
      throw new RampartError(`[data ${format.name}] ${own} lacks ${missing.join(', ')}`, {
        remedy: 'add what is missing, or move the folder away and it is downloaded whole',
      });
  }
  return undefined;
}

const byHand = (format: CifarFormat, dataDir: string) => `curl -L ${format.archive.urls[0]} | tar -xz -C ${shellWord(dataDir)}`;

/** The archive, which may be there already, unpacked under another name and moved to its place whole. The caller holds the lock. */
async function fetchArchive(format: CifarFormat, options: LoadOptions): Promise<void> {
  const archive = join(options.dataDir, basename(format.archive.urls[0] as string));
  const given = await exists(archive);
  if (given) await verify(format.name, format.archive, archive);
  else await download(format.name, format.archive, archive, options, `by hand: ${byHand(format, options.dataDir)}`);
  options.onProgress?.(`unpacking ${format.folder}`, 0, 1);
  const temporary = join(options.dataDir, `.${format.folder}.tmp`);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  try {
    await extract({ file: archive, cwd: temporary, strict: true });
    const unpacked = join(temporary, format.folder);
    await checkSizes(format, unpacked);
    await rename(unpacked, join(options.dataDir, format.folder));
    if (!given) await rm(archive);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function checkSizes(format: CifarFormat, folder: string): Promise<void> {
  for (const split of ['train', 'test'] as const) for (const file of format[split]) await checkSize(format, split, join(folder, file));
}

async function checkSize(format: CifarFormat, split: 'train' | 'test', path: string): Promise<void> {
  const { size } = await stat(path);
  const want = format.perFile[split] * recordOf(format);
  if (size !== want)
    throw new RampartError(
      `[data ${format.name}] ${path} ${size < want ? 'is truncated: it ends' : 'is too long: it ends'} at byte ${size}, ` +
        `expected ${want} (${format.perFile[split]} records of ${recordOf(format)} bytes)`,
      { remedy: 'move the folder away and it is downloaded again' },
    );
}

/** Records hold planes of red, green and blue; a split holds pixels. */
function unpackRecord(format: CifarFormat, record: Uint8Array, at: number, into: Images, index: number, path: string): void {
  format.labelBytes.forEach((values, k) => {
    const label = record[k] as number;
    if (label >= values)
      throw new RampartError(
        `[data ${format.name}] ${path}: label ${label} at byte ${at + k} (image ${at / recordOf(format)}) is out of range 0..${values - 1}`,
        { remedy: 'not a file of this data set, or damaged' },
      );
    into.labels[index] = label;
  });
  const pixels = record.subarray(format.labelBytes.length);
  const out = into.images.subarray(index * PIXELS, (index + 1) * PIXELS);
  for (let i = 0; i < PLANE; i++) for (let c = 0; c < 3; c++) out[3 * i + c] = pixels[c * PLANE + i] as number;
}

async function readSplit(format: CifarFormat, folder: string, split: 'train' | 'test', options: LoadOptions): Promise<Split> {
  const n = countOf(format, split, options);
  const into = allocateImages(n, SHAPE);
  const record = recordOf(format);
  let done = 0;
  for (const name of filesFor(format, split, n)) {
    options.signal?.throwIfAborted();
    const path = join(folder, name);
    await checkSize(format, split, path);
    const bytes = new Uint8Array(Math.min(n - done, format.perFile[split]) * record);
    const file = await open(path);
    try {
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      if (bytesRead < bytes.length) throw new RampartError(`[data ${format.name}] ${path} ended at byte ${bytesRead} while it was read`);
    } finally {
      await file.close();
    }
    for (let at = 0; at < bytes.length; at += record) unpackRecord(format, bytes.subarray(at, at + record), at, into, done++, path);
    options.onProgress?.(`reading ${format.name} (${split})`, done, n);
  }
  return heldSplit(into);
}

async function load(format: CifarFormat, options: LoadOptions): Promise<Dataset> {
  const target = join(options.dataDir, format.folder);
  let folder = await locate(format, options);
  if (!folder) {
    if (!options.download)
      throw new RampartError(
        `[data ${format.name}] found neither ${join(target, format.test[0] as string)} nor ${join(options.dataDir, format.test[0] as string)}`,
        {
          remedy: `name the folder with --data, or get the files: ${byHand(format, options.dataDir)}`,
        },
      );
    await once(
      format.name,
      target,
      options,
      async () => (await locate(format, options)) !== undefined,
      () => fetchArchive(format, options),
    );
    folder = target;
  }
  const train = await readSplit(format, folder, 'train', options);
  const test = await readSplit(format, folder, 'test', options);
  const { name, classNames, mean, std } = format;
  return { name, shape: SHAPE, classNames, mean, std, train, test };
}

async function filesOf(format: CifarFormat, options: LoadOptions): Promise<string[] | undefined> {
  const folder = await locate(format, options);
  return folder === undefined ? undefined : neededFor(format, options).map((file) => join(folder, file));
}

async function check(format: CifarFormat, options: LoadOptions): Promise<{ usable: boolean; detail: string; remedy?: string }> {
  try {
    const folder = await locate(format, { ...options, limit: undefined });
    if (folder) {
      for (const split of ['train', 'test'] as const) for (const file of format[split]) await checkSize(format, split, join(folder, file));
      return { usable: true, detail: `in ${folder}` };
    }
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return { usable: false, detail: error.message, remedy: `mv ${shellWord(join(options.dataDir, format.folder))}{,.broken}` };
  }
  if (options.download && (await reachable(format.archive)))
    return { usable: true, detail: `not in ${options.dataDir}; downloaded when first used` };
  return {
    usable: false,
    detail: `not in ${options.dataDir}, and ${options.download ? 'its home page does not answer' : 'downloads are off'}`,
    remedy: byHand(format, options.dataDir),
  };
}

/** A data set in this format; tests make their own with a local server and small archives. */
export function cifarPlugin(format: CifarFormat): DatasetPlugin {
  return defineDataset<Record<string, never>>({
    name: format.name,
    title: format.title,
    source: 'Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html',
    version: 1,
    shape: SHAPE,
    classes: format.classNames.length,
    counts: { train: format.train.length * format.perFile.train, test: format.test.length * format.perFile.test },
    params: z.strictObject({}),
    load: (_params, options) => load(format, options),
    files: (_params, options) => filesOf(format, options),
    check: (options) => check(format, options),
  });
}

export const CIFAR10: CifarFormat = {
  name: 'cifar10',
  title: 'CIFAR-10',
  archive: { urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'], md5: 'c32a1d4ab5d03f1284b67883e8d87530' },
  folder: 'cifar-10-batches-bin',
  train: [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`),
  test: ['test_batch.bin'],
  perFile: { train: 10_000, test: 10_000 },
  labelBytes: [10],
  classNames: CIFAR10_CLASSES,
  ...CIFAR10_NORMALIZATION,
};

export const CIFAR100: CifarFormat = {
  name: 'cifar100',
  title: 'CIFAR-100',
  archive: { urls: ['https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz'], md5: '03b5dce01913d631647c71ecec9e9cb8' },
  folder: 'cifar-100-binary',
  train: ['train.bin'],
  test: ['test.bin'],
  perFile: { train: 50_000, test: 10_000 },
  labelBytes: [20, 100],
  classNames: CIFAR100_CLASSES,
  ...CIFAR100_NORMALIZATION,
};

export const cifar10 = cifarPlugin(CIFAR10);
export const cifar100 = cifarPlugin(CIFAR100);
