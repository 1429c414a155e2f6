/** Test images as the cells of a store publish them. */
import { parseOriginals } from '../../records/published/images.ts';
import type { RampartRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import type { Shape } from '../../tensor/tf.ts';

/** Some test images of one data set. */
export interface TestImages {
  readonly shape: Shape;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** `[h,w,c]` in [0,1] of the image of an index in the test split; undefined where it is not here. */
  pixels(image: number): Float32Array | undefined;
}

/** By the hash of their data set. A file that is damaged is left out, as the store tells. */
export async function testImagesOf(records: readonly RampartRecord[], store: Pick<Store, 'images'>): Promise<Map<string, TestImages>> {
  const files = new Map<string, Set<string>>();
  for (const record of records) {
    const hash = record.kind === 'cell' ? record.published?.originals : undefined;
    if (record.kind !== 'cell' || hash === undefined) continue;
    files.set(record.dataset.hash, (files.get(record.dataset.hash) ?? new Set()).add(hash));
  }
  const found = new Map<string, TestImages>();
  for (const [dataset, hashes] of files) {
    const own = await Promise.all([...hashes].sort().map((hash) => store.images(hash)));
    const parts = own.flatMap((bytes) => (bytes ? [parseOriginals(bytes)] : []));
    const [first] = parts;
    if (!first) continue;
    const places = new Map(parts.flatMap((part) => part.indices.map((image, at) => [image, { part, at }] as const)));
    const size = first.shape.reduce((a, b) => a * b, 1);
    const pixels = (image: number) => {
      const place = places.get(image);
      return place?.part.pixels.subarray(place.at * size, (place.at + 1) * size);
    };
    found.set(dataset, { shape: first.shape, mean: first.mean, std: first.std, pixels });
  }
  return found;
}
