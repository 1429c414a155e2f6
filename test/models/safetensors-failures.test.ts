import { beforeAll, expect, test } from 'vitest';
import { type Entry, readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenEntries, goldenNetwork } from '../golden.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const whole = writeSafetensors(
  new Map([
    ['a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ['b', { shape: [3], data: Float32Array.of(5, 6, 7) }],
  ]),
);

/** A file with this header, whatever it says, and `data` zero bytes. */
function withHeader(header: unknown, data = 16, length?: bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const out = Buffer.alloc(8 + text.length + data);
  out.writeBigUInt64LE(length ?? BigInt(text.length));
  text.copy(out, 8);
  return out;
}

const entry = (data_offsets: unknown, shape: unknown = [4], dtype: unknown = 'F32') => ({ t: { dtype, shape, data_offsets } });

test.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), "[weights] w.safetensors: ends at byte 0, before the header's length (8 bytes)"],
  ['a file cut in its header', whole.subarray(0, 40), '[weights] w.safetensors: ends at byte 40, inside its header'],
  [
    'a file cut in its data',
    whole.subarray(0, whole.length - 5),
    `[weights] w.safetensors: ends at byte ${whole.length - 5}, but b needs ${whole.length}: truncated`,
  ],
  ['a header length beyond any file', withHeader({}, 0, 2n ** 62n), 'inside its header'],
  ['a header that is no JSON', withHeader('pickle!!'), 'w.safetensors: the header is not JSON; not a safetensors file'],
  ['a header that is no object', withHeader('[1, 2, 3]'), 'the header is not an object of entries'],
  ['an entry that is no object', withHeader({ t: 5 }), 't is not an entry: expected dtype, shape and data_offsets'],
  [
    'an entry without offsets',
    withHeader({ t: { dtype: 'F32', shape: [4] } }),
    't is not an entry: expected dtype, shape and data_offsets',
  ],
  [
    'entries that share bytes',
    withHeader({ ...entry([0, 16]), u: { dtype: 'F32', shape: [2], data_offsets: [8, 16] } }),
    'u shares bytes with the entries before it',
  ],
  ['three offsets', withHeader(entry([0, 16, 16])), 't is not an entry'],
  ['one offset', withHeader(entry([0])), 't is not an entry'],
  ['offsets that run backwards', withHeader(entry([8, 0])), 't is not an entry'],
  ['a negative offset', withHeader(entry([-4, 12])), 't is not an entry'],
  ['a shape with a fraction', withHeader(entry([0, 16], [1.5])), 't is not an entry'],
  [
    'an unknown dtype',
    withHeader(entry([0, 16], [4], 'F8_E4M3')),
    't has dtype F8_E4M3, expected one of F32, F16, BF16, F64, I64, I32, I16, I8, U8, BOOL',
  ],
  ['a shape that does not fit', withHeader(entry([0, 16], [5])), 't holds 4 values, its shape [5] needs 5'],
  ['bytes that are no whole number of values', withHeader(entry([0, 15], [4])), 't has 15 bytes, no whole number of F32 values'],
])('%s is refused', (_case, bytes, message) => {
  expect(() => readSafetensors(bytes, 'w.safetensors')).toThrow(message);
});

/** The entries of `resnet-tiny` after `change`. */
function changed(change: (entries: Map<string, Entry>) => void): Map<string, Entry> {
  const entries = new Map(goldenEntries('model'));
  change(entries);
  return entries;
}

test.each<[string, (entries: Map<string, Entry>) => void, string]>([
  ['a missing entry', (e) => e.delete('enc.layer2.short_bn.running_var'), 'missing enc.layer2.short_bn.running_var'],
  ['an extra entry', (e) => e.set('head.weight', { shape: [1], data: Float32Array.of(1) }), 'extra head.weight'],
  [
    'a misshapen entry',
    (e) => e.set('linear.weight', { shape: [64, 10], data: new Float32Array(640) }),
    'linear.weight is [64, 10], expected [10, 64]',
  ],
])('%s is refused by its name', (_case, change, message) => {
  expect(() => goldenNetwork().load(changed(change), 'mine.safetensors')).toThrow(
    `[model resnet-tiny] mine.safetensors does not fit: ${message}`,
  );
});

test('all that does not fit is named at once', () => {
  const entries = changed((e) => {
    e.delete('enc.conv1.weight');
    e.delete('linear.bias');
    e.set('fc.bias', { shape: [10], data: new Float32Array(10) });
    e.set('enc.bn1.bias', { shape: [8], data: new Float32Array(8) });
  });
  expect(() => goldenNetwork().load(entries, 'f')).toThrow(
    'missing enc.conv1.weight; missing linear.bias; extra fc.bias; enc.bn1.bias is [8], expected [16]',
  );
});

test('a refused file changes no weight', async () => {
  const network = goldenNetwork();
  const before = network.params.get('linear.weight')?.dataSync();
  const zeros = changed((e) => {
    for (const [name, { shape, data }] of e) e.set(name, { shape, data: new Float32Array(data.length) });
    e.delete('enc.conv1.weight');
  });
  expect(() => network.load(zeros, 'f')).toThrow();
  expect(network.params.get('linear.weight')?.dataSync()).toEqual(before);
});
