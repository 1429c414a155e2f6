/** Images that the endpoint of the tests tells apart by their mean. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '../../tensor/rng.ts';
import { npy, npz } from '../datasets/numpy.ts';

/** Means of the images, in grey levels from 127.5, where the class changes: in Linf that is their distance. */
export const DISTANCES = [2.5, -2.5, 5.5, -5.5, 15.5, -15.5, 30.5, -30.5];

/** Images of 8x8 gray pixels in an archive, with the labels that the endpoint gives them. */
export function archive(folder: string): string {
  const rng = new Rng('archive');
  const pixels = DISTANCES.flatMap((distance) => {
    const half = Array.from({ length: 32 }, () => rng.int(20));
    return half.flatMap((v) => [127.5 + distance + v, 127.5 + distance - v]);
  });
  const images = npy('|u1', [DISTANCES.length, 8, 8], Uint8Array.from(pixels));
  const labels = npy(
    '<i4',
    [DISTANCES.length],
    Int32Array.from(DISTANCES, (distance) => (distance > 0 ? 1 : 0)),
  );
  const path = join(folder, 'images.npz');
  writeFileSync(path, npz({ images, labels }));
  return path;
}
