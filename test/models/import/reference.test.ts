/** Files of reference logits: with images in either layout, or of the first test images. */
import { expect, it } from 'vitest';
import { referenceLogits } from '../../../models/import/reference.ts';
import type { Entry } from '../../../models/safetensors.ts';

const entry = (shape: number[], values?: number[]): Entry => ({
  shape,
  data: Float32Array.from(values ?? { length: shape.reduce((a, b) => a * b, 1) }, (v, i) => (values ? (v as number) : i / 100)),
});
const read = (entries: Record<string, Entry>) => referenceLogits(new Map(Object.entries(entries)), [2, 3, 1], 4, 'proof.pt');
const logits = entry([2, 4]);

it('logits alone, by their name or without one, are of the first test images', () => {
  for (const name of ['logits', '']) expect(read({ [name]: logits })).toEqual({ n: 2, logits: logits.data, images: undefined });
});

it('images come with channels first, as in PyTorch, or last', () => {
  const of = (images: Entry) =>
    referenceLogits(
      new Map([
        ['logits', entry([1, 4])],
        ['images', images],
      ]),
      [2, 1, 3],
      4,
      'p',
    ).images;
  expect(of(entry([1, 2, 1, 3], [1, 0.5, 0, 0.25, 0.75, 1]))).toEqual(Float32Array.of(1, 0.5, 0, 0.25, 0.75, 1));
  // three channels of two rows
  expect(of(entry([1, 3, 2, 1], [0, 0.1, 0.2, 0.3, 0.4, 0.5]))).toEqual(Float32Array.of(0, 0.2, 0.4, 0.1, 0.3, 0.5));
});

it.each<[string, Record<string, Entry>, string]>([
  ['no logits', { labels: entry([2]) }, 'expected an entry "logits", and "images" unless they are of the first test images, got labels'],
  ['nothing', {}, 'got none'],
  ['other classes', { logits: entry([2, 5]) }, 'expected logits of shape [n, 4] for 1 to 1000 images, got [2, 5]'],
  ['no image', { logits: entry([0, 4]) }, 'got [0, 4]'],
  ['too many', { logits: entry([1001, 4]) }, 'got [1001, 4]'],
  [
    'images of another shape',
    { logits, images: entry([2, 3, 3, 1]) },
    'expected images of shape [2, 1, 2, 3] or [2, 2, 3, 1], got [2, 3, 3, 1]',
  ],
  ['images of another count', { logits, images: entry([1, 2, 3, 1]) }, 'got [1, 2, 3, 1]'],
  [
    'normalised images',
    { logits, images: entry([2, 2, 3, 1], Array(12).fill(1.5)) },
    'expected images in [0,1], before the normalisation, got 1.5',
  ],
  ['negative pixels', { logits, images: entry([2, 2, 3, 1], Array(12).fill(-0.5)) }, 'got -0.5'],
])('%s: refused', (_, entries, message) => {
  expect(() => read(entries)).toThrow(message);
  expect(() => read(entries)).toThrow('[reference logits] proof.pt');
});
