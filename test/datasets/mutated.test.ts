/** Data and weights files with bytes changed at random: each is read as what it says, or refused by a message that names the file. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrays } from '../../datasets/arrays.ts';
import { type CifarFormat, cifarPlugin } from '../../datasets/cifar.ts';
import type { Dataset, Split } from '../../datasets/dataset.ts';
import { mnist } from '../../datasets/mnist.ts';
import { RampartError } from '../../errors.ts';
import { readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { cifarFile, gzipped, mnistFiles, pixelsOf, smallCifar, temporaryFolder, writeFiles } from './files.ts';
import { npy, npz } from './numpy.ts';

type Files = Record<string, Uint8Array>;

const change = fc.record({
  file: fc.nat(),
  /** Most of a file is pixels: half of the changes are near its start. */
  at: fc.oneof(fc.nat({ max: 64 }), fc.nat()),
  how: fc.constantFrom('set', 'set', 'set', 'cut', 'insert', 'remove', 'repeat', 'number'),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  number: fc.constantFrom(0, 1, 2, 5, 27, 29, 0x7fffffff, 0x80000000, 0xffffffff, 0x803, 0x801),
});
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never;
const changes = fc.array(change, { minLength: 1, maxLength: 3 });

function changed(bytes: Uint8Array, { at, how, bytes: put, number }: Change): Uint8Array {
  const place = at % (bytes.length + 1);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (how === 'cut') return before.slice();
  if (how === 'insert') return Buffer.concat([before, put, after]);
  if (how === 'remove') return Buffer.concat([before, after.subarray(put.length)]);
  if (how === 'repeat') return Buffer.concat([bytes, after]);
  if (how === 'set') return Buffer.concat([before, put, after.subarray(put.length)]);
  const value = Buffer.alloc(4);
  value.writeUInt32BE(number);
  return Buffer.concat([before, value, after.subarray(4)]);
}

function mutated(files: Files, list: readonly Change[]): Files {
  const now = { ...files };
  const names = Object.keys(files);
  for (const one of list) {
    const name = names[one.file % names.length] as string;
    now[name] = changed(now[name] as Uint8Array, one);
  }
  return now;
}

async function isConsistent(split: Split, size: number, classes: number): Promise<void> {
  const { n, labels } = split;
  expect(n).toBeGreaterThan(0);
  expect((await pixelsOf(split)).length).toBe(n * size);
  expect(labels.length).toBe(n);
  for (const label of labels) expect(label >= 0 && label < classes).toBe(true);
}

/** Tries 100 changes of `files` below `folder`, and counts those that were refused. */
async function refusals(files: Files, under: string, load: (dataDir: string) => Promise<Dataset>, seed: number): Promise<number> {
  const folder = temporaryFolder();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(changes, async (list) => {
      writeFiles(join(folder, under), mutated(files, list));
      const whole = async () => {
        const data = await load(folder);
        for (const split of [data.train, data.test]) await pixelsOf(split);
        return data;
      };
      const result: unknown = await whole().catch((error: unknown) => error);
      if (result instanceof Error) {
        refused++;
        expect(result).toBeInstanceOf(RampartError);
        const named = Object.keys(files).some((name) => result.message.includes(join(folder, under, name)));
        expect(named, result.message).toBe(true);
        return;
      }
      const { shape, classNames, train, test: held } = result as Dataset;
      const size = shape.reduce((a, b) => a * b, 1);
      for (const split of [train, held].filter(({ n }, i) => i === 1 || n > 0)) await isConsistent(split, size, classNames.length);
    }),
    { numRuns: 100, seed },
  );
  return refused;
}

const tenFiles: Files = Object.fromEntries([
  ...[1, 2, 3, 4, 5].map((k): [string, Uint8Array] => [`data_batch_${k}.bin`, cifarFile(k, 2)]),
  ['test_batch.bin', cifarFile(9, 2)],
]);
const hundred: CifarFormat = {
  ...smallCifar(2, 2),
  name: 'cifar100',
  folder: 'cifar-100-binary',
  train: ['train.bin'],
  test: ['test.bin'],
  labelBytes: [20, 100],
  classNames: Array.from({ length: 100 }, (_, k) => `class ${k}`),
};
const hundredFile = () => Uint8Array.from({ length: 2 * 3074 }, (_, i) => (i % 3074 === 0 ? 19 : i % 3074 === 1 ? 99 : i % 251));

const loadMnist = (dataDir: string) => mnist.load({}, { dataDir, download: false });
const cifar = (format: CifarFormat) => (dataDir: string) => cifarPlugin(format).load({}, { dataDir, download: false });

const loadArrays = (params: object) => (dataDir: string) => arrays.load(arrays.params.parse(params), { dataDir, download: false });
const small = {
  x: npy(
    '<f4',
    [3, 2, 2, 3],
    Float32Array.from({ length: 36 }, (_, i) => i / 36),
  ),
  y: npy('<i8', [3], BigInt64Array.of(0n, 1n, 2n)),
};

test.each<[string, Files, string, (dataDir: string) => Promise<Dataset>]>([
  ['CIFAR-10', tenFiles, 'cifar-10-batches-bin', cifar(smallCifar(2, 2))],
  ['CIFAR-100', { 'train.bin': hundredFile(), 'test.bin': hundredFile() }, 'cifar-100-binary', cifar(hundred)],
  ['MNIST', mnistFiles(), 'mnist', loadMnist],
  ['gzipped MNIST', gzipped(mnistFiles()), 'mnist', loadMnist],
  ['npy', { 'x.npy': small.x, 'y.npy': small.y }, '', loadArrays({ images: 'x.npy', labels: 'y.npy' })],
  ['npz', { 'a.npz': npz(small) }, '', loadArrays({ file: 'a.npz' })],
  ['compressed npz', { 'a.npz': npz(small, true) }, '', loadArrays({ file: 'a.npz' })],
])('%s with bytes changed is read whole or refused by the name of the file', { timeout: 60_000 }, async (_what, files, under, load) => {
  const refused = await refusals(files, under, load, 20);
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(100);
});

test('safetensors with bytes changed are read as their header says or refused by their name', { timeout: 60_000 }, () => {
  const whole = writeSafetensors(
    new Map([
      ['weight', { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) }],
      ['bias', { shape: [2], data: Float32Array.of(0.5, -1) }],
    ]),
    { made: 'here' },
  );
  let refused = 0;
  fc.assert(
    fc.property(changes, (list) => {
      const bytes = mutated({ w: whole }, list).w as Uint8Array;
      try {
        const { entries } = readSafetensors(bytes, 'w.safetensors');
        let held = 0;
        for (const { shape, data } of entries.values()) {
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
          held += data.length;
        }
        expect(held).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(RampartError);
        expect((error as Error).message).toMatch(/^\[weights\] w\.safetensors: /);
      }
    }),
    { numRuns: 100, seed: 21 },
  );
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(100);
});
