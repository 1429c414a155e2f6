/** Splits of a data set: room for one, its hash, and how much of it is asked for. */
import { createHash } from 'node:crypto';
import type { Shape } from '../tensor/tf.ts';
import type { Split } from './dataset.ts';

/** One byte per label where every label fits into one, else four, little-endian: the same data have one hash whatever else they could have held. */
function labelBytes(labels: Int32Array): Uint8Array {
  return labels.some((label) => label > 0xff)
    ? new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)
    : Uint8Array.from(labels);
}

/** SHA-256, in hex, over the images and labels of a split. */
export function hashSplit({ images, labels }: Split): string {
  return createHash('sha256').update(images).update(labelBytes(labels)).digest('hex');
}

/** SHA-256, in hex, over the shape and the images and labels of both splits. */
export function hashSplits(shape: Shape, train: Split, test: Split): string {
  const hash = createHash('sha256').update(shape.join('x'));
  for (const split of [train, test]) hash.update(`/${split.n}/`).update(split.images).update(labelBytes(split.labels));
  return hash.digest('hex');
}

/** A split of `n` images with room for its pixels and labels. */
export function allocateSplit(n: number, [height, width, channels]: Shape): Split {
  return { n, images: new Uint8Array(n * height * width * channels), labels: new Int32Array(n) };
}

/** The images at `places` of a split; a run of them from the start is not copied. */
export function pick(split: Split, places: readonly number[], [height, width, channels]: Shape): Split {
  const size = height * width * channels;
  const n = places.length;
  if (places[n - 1] === n - 1) return { n, images: split.images.subarray(0, n * size), labels: split.labels.subarray(0, n) };
  const out = allocateSplit(n, [height, width, channels]);
  for (const [i, place] of places.entries()) {
    out.images.set(split.images.subarray(place * size, (place + 1) * size), i * size);
    out.labels[i] = split.labels[place] as number;
  }
  return out;
}

/** How many of `available` images to load. */
export function limited(available: number, limit: number | undefined): number {
  return Math.min(available, limit ?? available);
}
