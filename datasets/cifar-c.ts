/** CIFAR-10-C and CIFAR-100-C, Hendrycks and Dietterich 2019 (arXiv 1903.12261): the test images under corruptions of five severities. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RampartError, shellWord } from '../errors.ts';
import { fileSource } from '../models/import/bytes.ts';
import { readNpy } from '../models/import/npy.ts';
import type { Shape } from '../tensor/tf.ts';
import { geometryOf, labelsOf, reader } from './array-images.ts';
import { type Dataset, type DatasetPlugin, defineDataset, type LoadOptions } from './dataset.ts';
import { CIFAR10_CLASSES, CIFAR100_CLASSES } from './names.ts';
import { CIFAR10_NORMALIZATION, CIFAR100_NORMALIZATION } from './normalization.ts';
import { limited, NO_IMAGES, pick } from './split.ts';

const SHAPE: Shape = [32, 32, 3];
const SEVERITIES = 5;

/** The fifteen of the benchmark, then the four that its authors leave for validation. */
const CORRUPTIONS = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'glass_blur',
  'motion_blur',
  'zoom_blur',
  'snow',
  'frost',
  'fog',
  'brightness',
  'contrast',
  'elastic_transform',
  'pixelate',
  'jpeg_compression',
  'speckle_noise',
  'gaussian_blur',
  'spatter',
  'saturate',
] as const;

const params = z.strictObject({
  corruption: z.enum(CORRUPTIONS).describe('One file of the archive'),
  severity: z.number().int().min(1).max(SEVERITIES).describe('A fifth of it: 1 is mildest'),
});
type Params = z.infer<typeof params>;

/** How one of the two is published. */
interface Format {
  readonly name: string;
  readonly title: string;
  /** The folder of its archive. */
  readonly folder: string;
  readonly url: string;
  readonly classNames: readonly string[];
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** The folder that holds the labels. */
function find({ name, folder, url }: Format, dataDir: string): string {
  const found = [join(dataDir, folder), dataDir].find((place) => existsSync(join(place, 'labels.npy')));
  if (found) return found;
  throw new RampartError(`[data ${name}] found neither ${join(dataDir, folder, 'labels.npy')} nor ${join(dataDir, 'labels.npy')}`, {
    remedy: `name the folder with --data, or unpack the archive of ${url} into it`,
  });
}

async function load(format: Format, { corruption, severity }: Params, { dataDir, limit }: LoadOptions): Promise<Dataset> {
  const folder = find(format, dataDir);
  const images = readNpy(fileSource(join(folder, `${corruption}.npy`)));
  const geometry = geometryOf(images, 'nhwc');
  if (images.type !== '|u1' || geometry.shape.join() !== SHAPE.join() || geometry.n % SEVERITIES !== 0)
    throw new RampartError(
      `[data ${format.name}] ${images.name}: expected uint8 of shape (5 n, 32, 32, 3), got ${images.type} of (${images.shape.join(', ')})`,
    );
  const all = {
    n: geometry.n,
    labels: labelsOf(readNpy(fileSource(join(folder, 'labels.npy'))), geometry.n),
    read: reader(images, geometry),
  };
  const each = geometry.n / SEVERITIES;
  const count = limited(each, limit?.test);
  const places = Array.from({ length: count }, (_, i) => (severity - 1) * each + i);
  const { name, classNames, normalization } = format;
  return { name, shape: SHAPE, classNames, ...normalization, train: NO_IMAGES, test: pick(all, places) };
}

function plugin(format: Format): DatasetPlugin {
  return defineDataset<Params>({
    name: format.name,
    title: format.title,
    source: 'Hendrycks and Dietterich 2019 (arXiv 1903.12261)',
    version: 1,
    shape: SHAPE,
    classes: format.classNames.length,
    params,
    load: (given, options) => load(format, given, options),
    async files({ corruption }, { dataDir }) {
      const folder = find(format, dataDir);
      return [join(folder, `${corruption}.npy`), join(folder, 'labels.npy')];
    },
    async check({ dataDir }) {
      try {
        return { usable: true, detail: `in ${find(format, dataDir)}` };
      } catch {
        return { usable: false, detail: `not in ${dataDir}`, remedy: `unpack the archive of ${format.url} into ${shellWord(dataDir)}` };
      }
    },
  });
}

export const cifar10C = plugin({
  name: 'cifar10-c',
  title: 'CIFAR-10-C',
  folder: 'CIFAR-10-C',
  url: 'https://zenodo.org/records/2535967',
  classNames: CIFAR10_CLASSES,
  normalization: CIFAR10_NORMALIZATION,
});

export const cifar100C = plugin({
  name: 'cifar100-c',
  title: 'CIFAR-100-C',
  folder: 'CIFAR-100-C',
  url: 'https://zenodo.org/records/3555552',
  classNames: CIFAR100_CLASSES,
  normalization: CIFAR100_NORMALIZATION,
});
