/** Test images that cells share: which they are and their classes, kept once in a file of the SHA-256 of its bytes, however many cells attack them. */
import { z } from 'zod';
import { sha256 } from '../hash.ts';
import { UnfitFile } from '../plain-file.ts';

const labelsSchema = z.strictObject({
  /** Of every image, in order. */
  labels: z.array(z.int().min(0)),
  /** Index of each in the data set's test split; 0..n-1 when absent. */
  indices: z.array(z.int().min(0)).optional(),
});

/** Classes of some test images. */
export interface Labels {
  readonly labels: readonly number[];
  readonly indices?: readonly number[];
}

/** The file of some labels, and its hash. */
export function labelsFile({ labels, indices }: Labels): { readonly hash: string; readonly text: string } {
  const text = `${JSON.stringify({ labels, ...(indices && { indices }) })}\n`;
  return { hash: sha256(text), text };
}

/** Labels from the bytes of their file. Throws `UnfitFile`. */
export function parseLabels(bytes: Uint8Array, hash: string): z.infer<typeof labelsSchema> {
  const got = sha256(bytes);
  if (got !== hash) throw new UnfitFile(`expected SHA-256 ${hash} of its name, got ${got}`);
  try {
    return labelsSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    throw new UnfitFile('expected the labels of images as numbers, and perhaps their indices');
  }
}
