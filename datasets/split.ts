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

/** How many of `available` images to load. */
export function limited(available: number, limit: number | undefined): number {
  return Math.min(available, limit ?? available);
}
