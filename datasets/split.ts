/** Splits of a data set: those held in memory, those of some images of another, their pixels as floats, and their hash. */
import { createHash, type Hash } from 'node:crypto';
import type { Shape } from '../tensor/tf.ts';
import type { Pixels, Split } from './dataset.ts';

/** Images held whole. */
export interface Images {
  /** `n * h * w * c` bytes in NHWC order; a pixel is byte / 255. */
  readonly images: Uint8Array;
  /** `n` labels. */
  readonly labels: Int32Array;
}

/** Room for `n` images and their labels. */
export function allocateImages(n: number, [height, width, channels]: Shape): Images {
  return { images: new Uint8Array(n * height * width * channels), labels: new Int32Array(n) };
}

/** A split whose images are held whole: for data sets that are small. */
export function heldSplit({ images, labels }: Images): Split {
  const n = labels.length;
  const size = n === 0 ? 0 : images.length / n;
  return {
    n,
    labels,
    async read(places) {
      const out = new Uint8Array(places.length * size);
      for (let i = 0; i < places.length; i++) {
        const from = (places[i] as number) * size;
        out.set(images.subarray(from, from + size), i * size);
      }
      return out;
    },
  };
}

/** A split without images. */
export const NO_IMAGES: Split = { n: 0, labels: new Int32Array(0), read: async () => new Uint8Array(0) };

/** The split of the images at `places` of another. */
export function pick(split: Split, places: readonly number[]): Split {
  return {
    n: places.length,
    labels: Int32Array.from(places, (place) => split.labels[place] as number),
    read: (own) => split.read(Array.from(own, (i) => places[i] as number)),
  };
}

const BYTE = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Pixels as float32 in [0,1]. */
export function unitFloats(pixels: Pixels): Float32Array {
  if (pixels instanceof Float32Array) return pixels;
  const out = new Float32Array(pixels.length);
  for (let i = 0; i < out.length; i++) out[i] = BYTE[pixels[i] as number] as number;
  return out;
}

/** Values of the images that are hashed at once. */
const PIECE = 1 << 23;

/** Feeds all images, then the labels. `onPiece` is told how many images are read; what it throws ends the reading. */
async function feed(
  split: Split,
  [height, width, channels]: Shape,
  hashes: readonly Hash[],
  onPiece?: (done: number) => void,
): Promise<void> {
  const { n, labels } = split;
  const step = Math.max(1, Math.floor(PIECE / (height * width * channels)));
  for (let from = 0; from < n; from += step) {
    const pixels = await split.read(Array.from({ length: Math.min(step, n - from) }, (_, i) => from + i));
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    for (const hash of hashes) hash.update(bytes);
    onPiece?.(Math.min(n, from + step));
  }
  for (const hash of hashes) hash.update(labelBytes(labels));
}

/** One byte per label where every label fits into one, else four, little-endian: the same data have one hash whatever else they could have held. */
function labelBytes(labels: Int32Array): Uint8Array {
  return labels.some((label) => label > 0xff)
    ? new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)
    : Uint8Array.from(labels);
}

/** SHA-256, in hex, over the images and labels of a split. */
export async function hashSplit(split: Split, shape: Shape, onPiece?: (done: number) => void): Promise<string> {
  const hash = createHash('sha256');
  await feed(split, shape, [hash], onPiece);
  return hash.digest('hex');
}

/** SHA-256s, in hex: of each split as `hashSplit` has it, and over the shape and the images and labels of both. Each is read once. */
export async function hashSplits(
  shape: Shape,
  train: Split,
  test: Split,
  onPiece?: (done: number) => void,
): Promise<{ both: string; train: string; test: string }> {
  const both = createHash('sha256').update(shape.join('x'));
  const own = { train: createHash('sha256'), test: createHash('sha256') };
  for (const [split, hash] of [
    [train, own.train],
    [test, own.test],
  ] as const) {
    both.update(`/${split.n}/`);
    await feed(split, shape, [both, hash], onPiece && ((done) => onPiece(split === train ? done : train.n + done)));
  }
  return { both: both.digest('hex'), train: own.train.digest('hex'), test: own.test.digest('hex') };
}

/** How many of `available` images to load. */
export function limited(available: number, limit: number | undefined): number {
  return Math.min(available, limit ?? available);
}
