/** CIFAR-10 images of the golden vectors as bytes. */
import { goldenEntries } from '../golden.ts';

/** The first `n` of the 64, each `[32,32,3]`. */
export function images(n: number): Uint8Array[] {
  const data = goldenEntries('batch').get('images')?.data ?? [];
  return Array.from({ length: n }, (_, i) =>
    Uint8Array.from({ length: 3072 }, (_, at) => data[(3 * i + (at % 3)) * 1024 + Math.floor(at / 3)] ?? 0),
  );
}
