import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { createNetwork } from '../../models/index.ts';
import { readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenEntries, goldenNetwork } from '../golden.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** A file with one entry `t` of these bytes. */
function fileOf(dtype: string, shape: number[], data: Uint8Array): Uint8Array {
  const header = Buffer.from(JSON.stringify({ t: { dtype, shape, data_offsets: [0, data.length] } }));
  const out = Buffer.alloc(8 + header.length + data.length);
  out.writeBigUInt64LE(BigInt(header.length));
  header.copy(out, 8);
  out.set(data, 8 + header.length);
  return out;
}

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const read = (dtype: string, values: ArrayBufferView, n: number) => [
  ...(readSafetensors(fileOf(dtype, [n], bytesOf(values)), 'f').entries.get('t')?.data ?? []),
];

test('a saved network is loaded bit for bit, and saved again it is the same bytes', async () => {
  const setup = { inputShape: [32, 32, 3] as const, classes: 10, mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] };
  const [a, b] = [createNetwork('resnet-tiny', setup, new Rng('a')), createNetwork('resnet-tiny', setup, new Rng('b'))];
  const bytes = writeSafetensors(await a.save(), { arch: 'resnet-tiny' });
  b.load(readSafetensors(bytes, 'a').entries, 'a');
  expect(Buffer.compare(writeSafetensors(await b.save(), { arch: 'resnet-tiny' }), bytes)).toBe(0);
});

test('weights of PyTorch come out as they went in', async () => {
  const saved = await goldenNetwork().save();
  const given = goldenEntries('model');
  for (const [name, { shape, data }] of saved) {
    expect(shape).toEqual(given.get(name)?.shape);
    expect(data).toEqual(given.get(name)?.data);
  }
});

test('equal weights are equal bytes, in whatever order they are given', () => {
  const [a, b] = [
    { shape: [2], data: Float32Array.of(1, 2) },
    { shape: [1, 1], data: Float32Array.of(3) },
  ];
  const one = writeSafetensors(
    new Map([
      ['a', a],
      ['b', b],
    ]),
    { x: '1', y: '2' },
  );
  const other = writeSafetensors(
    new Map([
      ['b', b],
      ['a', a],
    ]),
    { y: '2', x: '1' },
  );
  expect(Buffer.compare(one, other)).toBe(0);
  expect(readSafetensors(one, 'f').metadata).toEqual({ x: '1', y: '2' });
});

test('the data begin at a multiple of eight, as the format asks', () => {
  const bytes = writeSafetensors(new Map([['name', { shape: [1], data: Float32Array.of(1) }]]));
  expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
});

test('an empty file of tensors and a scalar are whole files', () => {
  expect(readSafetensors(writeSafetensors(new Map()), 'f').entries.size).toBe(0);
  expect(readSafetensors(fileOf('F32', [], bytesOf(Float32Array.of(7))), 'f').entries.get('t')).toEqual({
    shape: [],
    data: Float32Array.of(7),
  });
});

test('every dtype becomes float32', () => {
  expect(read('F32', Float32Array.of(1.5, -2), 2)).toEqual([1.5, -2]);
  expect(read('F64', Float64Array.of(0.25, 1e3), 2)).toEqual([0.25, 1000]);
  expect(read('I64', BigInt64Array.of(-3n, 40n), 2)).toEqual([-3, 40]);
  expect(read('I32', Int32Array.of(-3, 40), 2)).toEqual([-3, 40]);
  expect(read('U8', Uint8Array.of(0, 255), 2)).toEqual([0, 255]);
});

test('half precision: one, the largest, the smallest, negative zero, infinity and NaN', () => {
  const got = read('F16', Uint16Array.of(0x3c00, 0x7bff, 0x0001, 0x8000, 0xfc00, 0x7e00, 0xc500), 7);
  expect(got).toEqual([1, 65504, 2 ** -24, -0, Number.NEGATIVE_INFINITY, Number.NaN, -5]);
});

test('bfloat16 is the upper half of float32', () => {
  expect(read('BF16', Uint16Array.of(0x3f80, 0xc040, 0x7f80), 3)).toEqual([1, -3, Number.POSITIVE_INFINITY]);
});

test('a view into a larger buffer is read at its own place', () => {
  const file = fileOf('F32', [2], bytesOf(Float32Array.of(4, 5)));
  const larger = new Uint8Array(file.length + 3);
  larger.set(file, 3);
  expect([...(readSafetensors(larger.subarray(3), 'f').entries.get('t')?.data ?? [])]).toEqual([4, 5]);
});

test('the counters that PyTorch saves beside batch statistics are let through', () => {
  const network = goldenNetwork();
  const entries = new Map(goldenEntries('model'));
  entries.set('enc.bn1.num_batches_tracked', { shape: [], data: Float32Array.of(100) });
  expect(() => network.load(entries, 'f')).not.toThrow();
});

test('the golden file is as PyTorch wrote it', () => {
  const bytes = readFileSync(new URL('../golden/model.safetensors', import.meta.url));
  expect(readSafetensors(bytes, 'model').entries.get('enc.conv1.weight')?.shape).toEqual([16, 3, 3, 3]);
});

test('values are written as the type that is asked for, and every entry starts at a multiple of its width', () => {
  const entry = (dtype: 'U8' | 'I32' | 'F16' | 'F32', ...values: number[]) => ({
    shape: [values.length],
    data: Float32Array.from(values),
    dtype,
  });
  const given = new Map([
    ['a', entry('U8', 0, 7, 255)],
    ['b', entry('F32', 0.1)],
    ['c', entry('F16', 0.5, 1 / 3)],
    ['d', entry('I32', -2, 70_000)],
  ]);
  const bytes = writeSafetensors(given);
  const { entries } = readSafetensors(bytes, 'f');
  expect(entries.get('a')?.data).toEqual(given.get('a')?.data);
  expect(entries.get('b')?.data).toEqual(given.get('b')?.data);
  // 1/3 to ten bits: 1365 / 4096
  expect(entries.get('c')?.data).toEqual(Float32Array.of(0.5, 1365 / 4096));
  expect(entries.get('d')?.data).toEqual(given.get('d')?.data);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + Buffer.from(bytes).readUInt16LE(0))).toString());
  expect(Object.entries<{ data_offsets: number[] }>(header).map(([name, { data_offsets }]) => [name, data_offsets])).toEqual([
    ['b', [0, 4]],
    ['d', [4, 12]],
    ['c', [12, 16]],
    ['a', [16, 19]],
  ]);
});
