/** MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747) from IDX files, gzipped or not. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, type ZlibOptions } from 'node:zlib';
import { z } from 'zod';
import { RampartError, shellWord } from '../errors.ts';
import type { Shape } from '../tensor/tf.ts';
import { type Dataset, type DatasetPlugin, defineDataset, type LoadOptions, type Split } from './dataset.ts';
import { download, once, type Remote, reachable } from './download.ts';
import { heldSplit, limited } from './split.ts';

const SHAPE: Shape = [28, 28, 1];
const PIXELS = 28 * 28;
const MAGIC = { images: 0x803, labels: 0x801 } as const;

const FILES = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
} as const;
const ALL = [FILES.train.images, FILES.train.labels, FILES.test.images, FILES.test.labels];

export interface MnistFormat {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  /** Folders under the data folder that may hold the files; a download goes to the first. The two data sets have the same file names, so the data folder itself is not one. */
  readonly folders: readonly string[];
  /** Where a package of the system puts them: looked at after the data folder. */
  readonly systemFolders?: readonly string[];
  /** Where the gzipped files are, each URL with a slash at the end. */
  readonly bases: readonly string[];
  /** MD5 of `<file>.gz`. */
  readonly md5: Readonly<Record<string, string>>;
  readonly classNames: readonly string[];
  readonly mean: number;
  readonly std: number;
}

const exists = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined;

/** The path of a file, gzipped or not, in the first folder that has it. */
async function find(format: MnistFormat, file: string, dataDir: string): Promise<string | undefined> {
  for (const folder of [...format.folders.map((below) => join(dataDir, below)), ...(format.systemFolders ?? [])])
    for (const name of [file, `${file}.gz`]) {
      const path = join(folder, name);
      if (await exists(path)) return path;
    }
  return undefined;
}

async function missing(format: MnistFormat, dataDir: string): Promise<string[]> {
  const absent: string[] = [];
  for (const file of ALL) if (!(await find(format, file, dataDir))) absent.push(file);
  return absent;
}

const remoteOf = (format: MnistFormat, file: string): Remote => ({
  urls: format.bases.map((base) => `${base}${file}.gz`),
  md5: format.md5[`${file}.gz`] as string,
});

const byHand = (format: MnistFormat, dataDir: string) =>
  `for f in ${ALL.join(' ')}; do curl -L --create-dirs -o ${shellWord(join(dataDir, format.folders[0] as string))}/$f.gz ${format.bases[0]}$f.gz; done`;

async function fetchFiles(format: MnistFormat, options: LoadOptions): Promise<void> {
  const folder = join(options.dataDir, format.folders[0] as string);
  for (const file of await missing(format, options.dataDir))
    await download(format.name, remoteOf(format, file), join(folder, `${file}.gz`), options, `by hand: ${byHand(format, options.dataDir)}`);
}

/** Most images of a split: more than in any set that is published in these files. */
const MOST_IMAGES = 1_000_000;
/** Bytes of a gzip file that hold the IDX header, whatever its own header is. */
const START_BYTES = 4096;

const sizeOf = (kind: keyof typeof MAGIC, n: number) => (kind === 'images' ? 16 + n * PIXELS : 8 + n);

type Fail = (what: string, cause?: unknown) => RampartError;

/** The bytes of a plain file that is not longer than the longest split. */
async function read(path: string, kind: keyof typeof MAGIC, fail: Fail): Promise<Uint8Array> {
  const about = await stat(path);
  if (!about.isFile()) throw fail('expected a plain file, got none');
  if (about.size > sizeOf(kind, MOST_IMAGES)) throw fail(`expected at most ${sizeOf(kind, MOST_IMAGES)} bytes, got ${about.size}`);
  return readFile(path);
}

async function unzip(bytes: Uint8Array, options: ZlibOptions, fail: Fail): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, options);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw fail(`too long: expected ${options.maxOutputLength} bytes unzipped, got more`, cause);
    throw fail(`no whole gzip file, it ends at byte ${bytes.length}: ${message}`, cause);
  }
}

/** How many items an IDX file of this kind has, by its first bytes. */
function itemsOf(start: Uint8Array, kind: keyof typeof MAGIC, fail: Fail): number {
  const header = sizeOf(kind, 0);
  if (start.length < header) throw fail(`truncated: it ends at byte ${start.length}, inside its header of ${header} bytes`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (view.getUint32(0) !== MAGIC[kind])
    throw fail(`the number at byte 0 is 0x${view.getUint32(0).toString(16)}, expected 0x${MAGIC[kind].toString(16)} (IDX ${kind})`);
  for (let at = 8; at < header; at += 4)
    if (view.getUint32(at) !== 28) throw fail(`the size at byte ${at} is ${view.getUint32(at)}, expected 28`);
  const n = view.getUint32(4);
  if (n === 0) throw fail(`expected at least one of ${kind}, got none`);
  if (n > MOST_IMAGES) throw fail(`expected at most ${MOST_IMAGES} ${kind}, its header says ${n}`);
  return n;
}

/** The values of an IDX file of unsigned bytes, and how many items it holds. A gzip file is never unzipped further than its header says. */
async function readIdx(
  format: MnistFormat,
  file: string,
  kind: keyof typeof MAGIC,
  dataDir: string,
): Promise<{ n: number; values: Uint8Array }> {
  const path = (await find(format, file, dataDir)) as string;
  const fail: Fail = (what, cause) =>
    new RampartError(`[data ${format.name}] ${path}: ${what}`, { remedy: 'move it away and it is downloaded again', cause });
  const stored = await read(path, kind, fail);
  const zipped = path.endsWith('.gz');
  const start = zipped ? await unzip(stored.subarray(0, START_BYTES), { finishFlush: constants.Z_SYNC_FLUSH }, fail) : stored;
  const n = itemsOf(start, kind, fail);
  const want = sizeOf(kind, n);
  const bytes = zipped ? await unzip(stored, { maxOutputLength: want }, fail) : stored;
  if (bytes.length !== want)
    throw fail(`${bytes.length < want ? 'truncated' : 'too long'}: it ends at byte ${bytes.length}, expected ${want} (${n} items)`);
  return { n, values: bytes.subarray(sizeOf(kind, 0)) };
}

async function readSplit(format: MnistFormat, split: 'train' | 'test', options: LoadOptions): Promise<Split> {
  options.signal?.throwIfAborted();
  const images = await readIdx(format, FILES[split].images, 'images', options.dataDir);
  const labels = await readIdx(format, FILES[split].labels, 'labels', options.dataDir);
  if (images.n !== labels.n)
    throw new RampartError(
      `[data ${format.name}] ${await find(format, FILES[split].images, options.dataDir)} has ${images.n} images but ${FILES[split].labels} ${labels.n} labels`,
    );
  const n = limited(images.n, options.limit?.[split]);
  const out = { images: images.values.slice(0, n * PIXELS), labels: Int32Array.from(labels.values.subarray(0, n)) };
  const bad = out.labels.findIndex((label) => label > 9);
  if (bad >= 0)
    throw new RampartError(
      `[data ${format.name}] ${await find(format, FILES[split].labels, options.dataDir)}: label ${out.labels[bad]} at byte ${8 + bad} (image ${bad}) is out of range 0..9`,
      { remedy: 'not a file of this data set, or damaged' },
    );
  options.onProgress?.(`reading ${format.name} (${split})`, n, n);
  return heldSplit(out);
}

async function load(format: MnistFormat, options: LoadOptions): Promise<Dataset> {
  const absent = await missing(format, options.dataDir);
  const target = join(options.dataDir, format.folders[0] as string);
  if (absent.length > 0) {
    if (!options.download)
      throw new RampartError(`[data ${format.name}] ${target} lacks ${absent.join(', ')} (with or without .gz)`, {
        remedy: `name the folder with --data, or get the files: ${byHand(format, options.dataDir)}`,
      });
    await once(
      format.name,
      target,
      options,
      async () => (await missing(format, options.dataDir)).length === 0,
      () => fetchFiles(format, options),
    );
  }
  const train = await readSplit(format, 'train', options);
  const test = await readSplit(format, 'test', options);
  const { name, classNames, mean, std } = format;
  return { name, shape: SHAPE, classNames, mean: [mean], std: [std], train, test };
}

async function filesOf(format: MnistFormat, { dataDir }: LoadOptions): Promise<string[] | undefined> {
  const paths = await Promise.all(ALL.map((file) => find(format, file, dataDir)));
  return paths.every((path) => path !== undefined) ? paths : undefined;
}

async function check(format: MnistFormat, options: LoadOptions): Promise<{ usable: boolean; detail: string; remedy?: string }> {
  const absent = await missing(format, options.dataDir);
  const target = join(options.dataDir, format.folders[0] as string);
  if (absent.length === 0) return { usable: true, detail: `in ${(await find(format, FILES.train.images, options.dataDir)) as string}` };
  if (options.download && (await reachable(remoteOf(format, FILES.test.labels))))
    return { usable: true, detail: `not in ${target}; downloaded when first used` };
  return {
    usable: false,
    detail: `${target} lacks ${absent.join(', ')}, and ${options.download ? 'no source answers' : 'downloads are off'}`,
    remedy: byHand(format, options.dataDir),
  };
}

/** A data set in this format; tests make their own with a local server and small files. */
export function mnistPlugin(format: MnistFormat): DatasetPlugin {
  return defineDataset<Record<string, never>>({
    name: format.name,
    title: format.title,
    source: format.source,
    version: 1,
    shape: SHAPE,
    classes: format.classNames.length,
    params: z.strictObject({}),
    load: (_params, options) => load(format, options),
    files: (_params, options) => filesOf(format, options),
    check: (options) => check(format, options),
  });
}

export const MNIST: MnistFormat = {
  name: 'mnist',
  title: 'MNIST',
  source: 'LeCun et al. 1998',
  folders: ['mnist', 'MNIST/raw'],
  bases: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'https://storage.googleapis.com/cvdf-datasets/mnist/'],
  md5: {
    'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
    't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
    't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c',
  },
  classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  mean: 0.1307,
  std: 0.3081,
};

export const FASHION_MNIST: MnistFormat = {
  name: 'fashion-mnist',
  title: 'Fashion-MNIST',
  source: 'Xiao et al. 2017 (arXiv 1708.07747)',
  folders: ['fashion-mnist', 'FashionMNIST/raw'],
  systemFolders: ['/usr/share/datasets/fashion-mnist'], // Debian's dataset-fashion-mnist
  bases: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
  md5: {
    'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
    't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
    't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310',
  },
  classNames: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  mean: 0.286,
  std: 0.353,
};

export const mnist = mnistPlugin(MNIST);
export const fashionMnist = mnistPlugin(FASHION_MNIST);
