/** Evidence as files of a site: what is written is read again, and what was changed is refused. */
import { expect, it } from 'vitest';
import { PIECE_BYTES } from '../../../records/evidence/format.ts';
import { fromBase64, parseEvidence, parseImages, whole } from '../../../records/evidence/read.ts';
import { addHeld, imageFile, writeEvidence } from '../../../records/evidence/write.ts';
import { sha256 } from '../../../records/hash.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { fromHalf, toHalf } from '../../../tensor/half.ts';
import { Rng } from '../../../tensor/rng.ts';

const shape = [2, 3, 1] as const;

/** What the scripts of pieces hand over, by path. */
function handedOver(files: ReadonlyMap<string, string>): Map<string, Uint8Array> {
  const given = new Map<string, Uint8Array>();
  const take = (path: string, text: string) => given.set(path, fromBase64(text));
  for (const text of files.values()) new Function('rampartPiece', text)(take);
  return given;
}

const record = {
  key: 'a'.repeat(24),
  name: 'trades',
  weightsHash: sha256('weights'),
  arch: { name: 'resnet-tiny' },
  dataset: { name: 'shapes', hash: 'd', classNames: ['disc', 'ring'] },
} as unknown as ModelRecord;

const cell = {
  key: 'b'.repeat(24),
  attack: { label: 'pgd' },
  threat: { norm: 'Linf', eps: 0.03 },
  n: 4,
  indices: [10, 11, 12, 13],
  outcomes: { robust: '1000', labels: [0, 1, 0, 1], predictions: [0, 0, 1, 0], distances: [0, 0.03, 0.02, 0] },
} as unknown as CellRecord;

const levels = (k: number, from: number) => Float32Array.from({ length: k * 6 }, (_, i) => (from + i) / 255);

it('writes a model and its images, and reads them again', () => {
  const files = new Map<string, string>();
  const source = {
    weights: new TextEncoder().encode('weights'),
    normalization: { mean: [0.5], std: [0.25] },
    inputShape: shape,
    originals: [{ dtype: 'U8' as const, shape, pixels: levels(2, 0), indices: [11, 12] }],
    cells: [{ cell, blocks: [{ dtype: 'U8' as const, shape, pixels: levels(2, 5), ids: [1, 2] }] }],
  };
  const link = writeEvidence(record, source, (path, text) => files.set(path, text));
  expect(link).toMatchObject({ weights: 7, images: 2 });
  const given = handedOver(files);
  const bytesOf = (held: { pieces: readonly string[]; bytes: number; sha256: string }) =>
    whole(
      held,
      held.pieces.map((path) => given.get(path) as Uint8Array),
      'it',
    );
  const evidence = parseEvidence(bytesOf(link.index));
  expect(evidence.model).toMatchObject({ name: 'trades', arch: 'resnet-tiny', weightsHash: record.weightsHash });
  const [read] = evidence.cells;
  // of the three that are wrong with the attack one was wrong without it
  expect(read).toMatchObject({
    attack: 'pgd',
    n: 4,
    broken: 2,
    indices: [11, 12],
    labels: [1, 0],
    predictions: [0, 1],
    distances: [0.03, 0.02],
  });
  // image 10 alone was not broken
  expect(evidence.claims).toEqual([{ threat: { norm: 'Linf', eps: 0.03 }, images: [10] }]);
  expect(evidence.originals[0]).toMatchObject({ indices: [11, 12], labels: [1, 0] });
  const file = read?.adversarial[0];
  if (!file || !evidence.weights) throw new Error('nothing there');
  expect(parseImages(bytesOf(file), 2, shape, 'it').pixels).toEqual(levels(2, 5));
  expect(new TextDecoder().decode(bytesOf(evidence.weights))).toBe('weights');
  const last = file.pieces[0] as string;
  const changed = Uint8Array.from(given.get(last) as Uint8Array);
  changed[changed.length - 1] = 77;
  expect(() => whole(file, [changed], 'images of pgd')).toThrow(/images of pgd: expected \d+ bytes of SHA-256/);
});

it('refuses weights that are not those of the record, and images that the attack did not break', () => {
  const source = { normalization: { mean: [0], std: [1] }, inputShape: shape, originals: [], cells: [] };
  expect(() => writeEvidence(record, { ...source, weights: new Uint8Array(3) }, () => undefined)).toThrow(/not those of its record/);
  const blocks = [{ dtype: 'U8' as const, shape, pixels: levels(1, 0), ids: [0] }];
  expect(() => writeEvidence(record, { ...source, cells: [{ cell, blocks }] }, () => undefined)).toThrow(
    /example 0 is none that pgd broke/,
  );
});

it('cuts bytes into pieces that are whole together', () => {
  const bytes = Uint8Array.from({ length: PIECE_BYTES + 5 }, (_, i) => (i * 7) % 251);
  const files = new Map<string, string>();
  const held = addHeld(bytes, (path, text) => files.set(path, text));
  expect(held.pieces).toHaveLength(2);
  expect(files.get(held.pieces[0] as string)?.length).toBeLessThan(1_048_576 + 100);
  const given = handedOver(files);
  const pieces = held.pieces.map((path) => given.get(path) as Uint8Array);
  expect(Buffer.compare(whole(held, pieces, 'it'), bytes)).toBe(0);
  expect(() => whole(held, pieces.toReversed(), 'it')).toThrow(/SHA-256/);
});

it.each(['F16', 'F32'] as const)('holds values of %s exactly, and no others', (dtype) => {
  const draws = new Rng('images').uniform(600);
  const given = dtype === 'F32' ? draws : draws.map((v) => fromHalf(toHalf(v * v * v)));
  expect(parseImages(imageFile({ dtype, shape, pixels: given }), 100, shape, 'it').pixels).toEqual(given);
  if (dtype === 'F16') expect(() => imageFile({ dtype, shape, pixels: draws })).toThrow(/F16 does not hold the pixel/);
  expect(() => imageFile({ dtype: 'U8', shape, pixels: draws })).toThrow(/U8 does not hold the pixel .* of image 0/);
});

it('refuses an index that is none, or whose lists do not agree', () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  expect(() => parseEvidence(new Uint8Array([1, 2]))).toThrow(/not JSON/);
  expect(() => parseEvidence(bytes({ format: 2 }))).toThrow(/does not fit: format/);
  expect(() => fromBase64('%')).toThrow(/not base64/);
  const files = new Map<string, string>();
  const blocks = [{ dtype: 'U8' as const, shape, pixels: levels(1, 5), ids: [1] }];
  const source = { normalization: { mean: [0], std: [1] }, inputShape: shape, originals: [], cells: [{ cell, blocks }] };
  const link = writeEvidence(record, source, (path, text) => files.set(path, text));
  const index = handedOver(files).get(link.index.pieces[0] as string) as Uint8Array;
  const json = JSON.parse(new TextDecoder().decode(index));
  json.cells[0].labels.push(1);
  expect(() => parseEvidence(bytes(json))).toThrow(/has 1 images, and not as many outcomes/);
});
