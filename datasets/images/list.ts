/** Image files of a folder by class, in the order that torchvision's ImageFolder gives them, and a split that decodes them as they are read. */
import { type Dirent, realpathSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join, relative, sep } from 'node:path';
import { RampartError } from '../../errors.ts';
import type { Shape } from '../../tensor/tf.ts';
import type { Split } from '../dataset.ts';
import { decodeImage } from './decode.ts';
import { type Preparation, prepare } from './prepare.ts';

/** What ImageFolder takes for an image. Those that cannot be decoded here are refused when they are read: without them the others would have other numbers. */
const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp']);
const MOST_FILES = 10_000_000;
const DEEPEST = 16;

/** Images with their labels. */
export interface ImageList {
  readonly paths: readonly string[];
  readonly labels: Int32Array;
}

const fail = (path: string, what: string, remedy?: string) => new RampartError(`[data] ${path}: ${what}`, { remedy });

/** By code points, as Python sorts. */
export const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** What is in a folder. Throws a RampartError that names it where it cannot be read. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new RampartError(`[data] ${folder}: expected a folder, it cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Refuses a link that leads out of `root`. */
function checkLink(root: string, path: string): void {
  let target: string;
  try {
    target = realpathSync(path);
  } catch {
    throw fail(path, 'is a link to nothing');
  }
  if (relative(realpathSync(root), target).split(sep)[0] === '..')
    throw fail(path, `is a link out of ${root}`, 'copy the images into the folder');
}

interface Level {
  readonly folder: string;
  readonly images: readonly string[];
}

/** Every folder from `folder` down with the images in it. Links to folders are not followed. */
async function levelsBelow(root: string, folder: string, levels: Level[], depth = 0): Promise<Level[]> {
  if (depth > DEEPEST) throw fail(folder, `expected at most ${DEEPEST} folders in each other`);
  const entries = await entriesOf(folder);
  const images: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory() || !EXTENSIONS.has(extname(entry.name).toLowerCase())) continue;
    if (entry.isSymbolicLink()) checkLink(root, join(folder, entry.name));
    else if (!entry.isFile()) throw fail(join(folder, entry.name), 'expected a plain file, got a pipe or a device');
    images.push(entry.name);
  }
  levels.push({ folder, images: images.sort(byCodePoint) });
  for (const entry of entries) if (entry.isDirectory()) await levelsBelow(root, join(folder, entry.name), levels, depth + 1);
  return levels;
}

/** The images below `folder`: those of each folder together, folders by their whole path. */
async function imagesBelow(root: string, folder: string): Promise<string[]> {
  const levels = await levelsBelow(root, folder, []);
  levels.sort((a, b) => byCodePoint(a.folder, b.folder));
  return levels.flatMap(({ folder: own, images }) => images.map((name) => join(own, name)));
}

/** The folders in `root`, sorted: the classes, in the order of their labels unless a list says otherwise. Hidden ones are none. */
export async function classFolders(root: string): Promise<string[]> {
  const folders: string[] = [];
  for (const entry of await entriesOf(root)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isSymbolicLink()) checkLink(root, join(root, entry.name));
    if (entry.isDirectory()) folders.push(entry.name);
    else if (entry.isSymbolicLink() && !extname(entry.name))
      throw fail(join(root, entry.name), 'is a link to a folder', 'copy the images into the folder');
  }
  return folders.sort(byCodePoint);
}

/** Every image of the folders `names` in `root`, in their order; the label of each is what `labelOf` says of its folder. */
export async function imagesByClass(
  root: string,
  names: readonly string[],
  labelOf: (name: string) => number,
  within = '',
): Promise<ImageList> {
  const paths: string[] = [];
  const labels: number[] = [];
  for (const name of names) {
    for (const path of await imagesBelow(root, join(root, name, within))) {
      if (paths.push(path) > MOST_FILES) throw fail(root, `expected at most ${MOST_FILES} images`);
      labels.push(labelOf(name));
    }
  }
  return { paths, labels: Int32Array.from(labels) };
}

/** Files decoded at the same time. */
const AT_ONCE = Math.min(4, availableParallelism());

/** The images of a list, each decoded when it is read and prepared as told. Throws where one does not come out as `shape`. */
export function imageSplit({ paths, labels }: ImageList, shape: Shape, preparation: Preparation): Split {
  const size = shape[0] * shape[1] * shape[2];
  const readInto = async (path: string, into: Uint8Array) => {
    const { width, height, pixels } = prepare(await decodeImage(path), preparation, path);
    if (height !== shape[0] || width !== shape[1])
      throw fail(path, `is ${width}x${height}, others are ${shape[1]}x${shape[0]}`, 'say what size: resize and crop');
    into.set(pixels);
  };
  return {
    n: paths.length,
    labels,
    async read(places) {
      const out = new Uint8Array(places.length * size);
      for (let from = 0; from < places.length; from += AT_ONCE) {
        const part = Array.from({ length: Math.min(AT_ONCE, places.length - from) }, (_, k) => from + k);
        await Promise.all(part.map((i) => readInto(paths[places[i] as number] as string, out.subarray(i * size, (i + 1) * size))));
      }
      return out;
    },
  };
}

/** The shape that images come out in: told by the parameters, else that of the first image. */
export async function shapeOf({ paths }: ImageList, preparation: Preparation): Promise<Shape> {
  const { resize, crop } = preparation;
  if (crop !== undefined) return [crop, crop, 3];
  if (Array.isArray(resize)) return [resize[0] as number, resize[1] as number, 3];
  const first = paths[0] as string;
  const { width, height } = prepare(await decodeImage(first), preparation, first);
  return [height, width, 3];
}

/** The images of each class spread evenly over the list, each class in its order: a part of it from either end has all classes in proportion. */
export function spread({ paths, labels }: ImageList): ImageList {
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const seen = new Map<number, number>();
  const at = Array.from(labels, (label) => {
    const before = seen.get(label) ?? 0;
    seen.set(label, before + 1);
    return (before + 0.5) / (sizes.get(label) as number);
  });
  const order = [...paths.keys()].sort((a, b) => (at[a] as number) - (at[b] as number) || a - b);
  return { paths: order.map((i) => paths[i] as string), labels: Int32Array.from(order, (i) => labels[i] as number) };
}

/** At most the first `limit` images. */
export function firstOf({ paths, labels }: ImageList, limit: number | undefined): ImageList {
  return limit === undefined ? { paths, labels } : { paths: paths.slice(0, limit), labels: labels.slice(0, limit) };
}
