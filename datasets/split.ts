/** What every data set ends with: a hash over what was loaded. */
import { createHash } from 'node:crypto';
import type { Shape } from '../tensor/tf.ts';
import type { Split } from './dataset.ts';

/** SHA-256, in hex, over the shape and the images and labels of both splits as loaded. */
export function hashSplits(shape: Shape, train: Split, test: Split): string {
  const hash = createHash('sha256').update(shape.join('x'));
  for (const split of [train, test]) hash.update(`/${split.n}/`).update(split.images).update(split.labels);
  return hash.digest('hex');
}

/** A split of `n` images with room for its pixels. */
export function allocateSplit(n: number, [height, width, channels]: Shape): Split {
  return { n, images: new Uint8Array(n * height * width * channels), labels: new Uint8Array(n) };
}

/** How many of `available` images to load. */
export function limited(available: number, limit: number | undefined): number {
  return Math.min(available, limit ?? available);
}
