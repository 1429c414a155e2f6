import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Split } from '../../datasets/dataset.ts';
import { hashSplit, hashSplits, heldSplit, pick, unitFloats } from '../../datasets/split.ts';

const SHAPE = [2, 1, 1] as const;
const held = heldSplit({ images: Uint8Array.of(1, 2, 3, 4, 5, 6), labels: Int32Array.of(0, 1, 2) });

/** The split, and the places of every piece that is read of it. */
function noting(split: Split): { split: Split; pieces: number[][] } {
  const pieces: number[][] = [];
  const read: Split['read'] = (places) => {
    pieces.push(Array.from(places));
    return split.read(places);
  };
  return { split: { ...split, read }, pieces };
}

test('images are read in the order that is asked for, and are the reader’s own', async () => {
  const pixels = await held.read([2, 0]);
  expect(pixels).toEqual(Uint8Array.of(5, 6, 1, 2));
  pixels.fill(9);
  expect(await held.read([0])).toEqual(Uint8Array.of(1, 2));
  expect(await held.read([])).toHaveLength(0);
});

test('a part of a split reads from it what is asked of the part', async () => {
  const { split, pieces } = noting(held);
  const part = pick(split, [2, 1]);
  expect([part.n, [...part.labels]]).toEqual([2, [2, 1]]);
  expect(await part.read(Int32Array.of(1))).toEqual(Uint8Array.of(3, 4));
  expect(pieces).toEqual([[1]]);
});

test('a byte is itself over 255, a float itself', () => {
  expect([...unitFloats(Uint8Array.of(0, 51, 255))]).toEqual([0, Math.fround(0.2), 1]);
  const floats = Float32Array.of(0.3);
  expect(unitFloats(floats)).toBe(floats);
});

test('a hash is that of the bytes and the labels, whatever pieces they are read in', async () => {
  const want = createHash('sha256')
    .update(Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 1, 2))
    .digest('hex');
  expect(await hashSplit(held, SHAPE)).toBe(want);
  // images of a quarter of what is hashed at once: three pieces of four, four and one
  const large = [1 << 11, 1 << 10, 1] as const;
  const image = (place: number) => new Uint8Array(1 << 21).fill(place);
  const made: Split = { n: 9, labels: new Int32Array(9), read: async (places) => Buffer.concat(Array.from(places, image)) };
  const { split, pieces } = noting(made);
  const told: number[] = [];
  const hash = await hashSplit(split, large, (done) => told.push(done));
  const whole = createHash('sha256');
  for (let i = 0; i < 9; i++) whole.update(image(i));
  expect(hash).toBe(whole.update(new Uint8Array(9)).digest('hex'));
  expect(pieces.map((piece) => piece.length)).toEqual([4, 4, 1]);
  expect(told).toEqual([4, 8, 9]);
});

test('both splits are hashed in one reading of each', async () => {
  const [train, other] = [noting(held), noting(pick(held, [0]))];
  const { both, ...own } = await hashSplits(SHAPE, train.split, other.split);
  expect(own).toEqual({ train: await hashSplit(held, SHAPE), test: await hashSplit(pick(held, [0]), SHAPE) });
  const text = ['2x1x1/3/', Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 1, 2), '/1/', Uint8Array.of(1, 2, 0)] as const;
  const want = createHash('sha256');
  for (const part of text) want.update(part);
  expect(both).toBe(want.digest('hex'));
  expect([train.pieces, other.pieces]).toEqual([[[0, 1, 2]], [[0]]]);
});

test('what is thrown between pieces ends the reading', async () => {
  const over = () => {
    throw new Error('over');
  };
  await expect(hashSplit(held, SHAPE, over)).rejects.toThrow('over');
});
