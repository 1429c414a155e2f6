/** What a file of weights is taken for, by its first bytes or the names in its archive. */
import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { LEGACY_MAGIC } from '../../../models/import/pytorch.ts';
import { kindOf } from '../../../models/import/weights.ts';

const kind = (bytes: Uint8Array) => kindOf(bytesInMemory(bytes, 'w'));
const bytes = (...parts: (number[] | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1')));
const zipped = (...names: string[]) => kind(zipSync(Object.fromEntries(names.map((name) => [name, Buffer.from('x')]))));

it.each([
  [['net/data.pkl', 'net/data/0'], 'pytorch'],
  [['data.pkl'], 'pytorch'],
  [['net/metadata.pkl'], 'zip'],
  [['net/data.pkl.txt'], 'zip'],
  [['net/data.pkl', 'net/constants.pkl'], 'torchscript'],
  [['net/data.pkl', 'net/code/a.py'], 'torchscript'],
  [['data.pkl', 'code/a.py'], 'torchscript'],
  [['net/data.pkl', 'net/barcode/a.py'], 'pytorch'],
  [['a.npy', 'b.npy'], 'npz'],
  [['a.npy', 'b.txt'], 'zip'],
  [['a.npy.txt'], 'zip'],
  [['config.json', 'model.weights.h5'], 'hdf5'],
  [['old/model.weights.h5'], 'zip'],
  [[], 'zip'],
])('an archive of %j is %s', (names, is) => {
  // an archive without files has no local header to begin with
  expect(names.length === 0 ? kind(bytes([0x50, 0x4b, 0x03, 0x04], [...zipSync({})])) : zipped(...names)).toBe(is);
});

it('an archive without a directory is left to the reader of checkpoints, which says how it is damaged', () => {
  expect(kind(bytes([0x50, 0x4b, 0x03, 0x04], 'and nothing more'))).toBe('pytorch');
});

it('a checkpoint of the older form begins with its magic number, of any protocol', () => {
  for (const protocol of [2, 4]) expect(kind(Buffer.concat([bytes([0x80, protocol]), LEGACY_MAGIC]))).toBe('pytorch-legacy');
  expect(kind(Buffer.concat([bytes([0x80, 2]), LEGACY_MAGIC.subarray(0, -1)]))).toBe('pickle');
  expect(kind(Buffer.concat([bytes([0x81, 2]), LEGACY_MAGIC]))).toBe('unknown');
});

it('safetensors is the length of a header that fits, and the header', () => {
  const file = (length: number, rest: string) => bytes([length, 0, 0, 0, 0, 0, 0, 0], rest);
  expect(kind(file(2, '{}'))).toBe('safetensors');
  expect(kind(file(2, '{}\0\0\0\0'))).toBe('safetensors');
  expect(kind(file(3, '{}'))).toBe('unknown');
  expect(kind(file(1, '{'))).toBe('unknown');
  expect(kind(file(2, '[]'))).toBe('unknown');
  expect(kind(file(0, ''))).toBe('unknown');
  expect(kind(bytes([1, 0, 0, 0, 0, 0, 0, 1], '{'.repeat(20)))).toBe('unknown');
});

const ustar = (length: number) => Buffer.concat([Buffer.alloc(257), Buffer.from('ustar')]).subarray(0, length);

it.each<[string, Uint8Array, string]>([
  ['HDF5', bytes([0x89], 'HDF\r\n'), 'hdf5'],
  ['an image', bytes([0x89], 'PNG\r\n'), 'unknown'],
  ['an array of NumPy', bytes([0x93], 'NUMPY', [1, 0]), 'npy'],
  ['almost one', bytes([0x93], 'NUMPX', [1, 0]), 'unknown'],
  ['gzip', bytes([0x1f, 0x8b, 8]), 'gzip'],
  ['half of its signature', bytes([0x1f, 0x8c, 8]), 'unknown'],
  ['tar', ustar(262), 'tar'],
  ['one byte less of it', ustar(261), 'unknown'],
  ['a pickle of protocol 5', bytes([0x80, 5]), 'pickle'],
  ['of one that there is not', bytes([0x80, 6]), 'unknown'],
  ['its first byte', bytes([0x80]), 'unknown'],
  ['ONNX with its producer', bytes([8, 31, 0x12, 0]), 'onnx'],
  ['ONNX with its graph', bytes([8, 3, 0x3a, 0]), 'onnx'],
  ['ONNX with its operators', bytes([8, 3, 0x42, 0]), 'onnx'],
  ['another field', bytes([8, 3, 0x1a, 0]), 'unknown'],
  ['another first field', bytes([0x10, 3, 0x12, 0]), 'unknown'],
  ['a version of ONNX that is far off', bytes([8, 32, 0x12, 0]), 'unknown'],
  ['a SavedModel', bytes([0x1a, 0], 'saved_model', [0]), 'tensorflow'],
  ['the list of checkpoints of TensorFlow', bytes('model_checkpoint_path: "model.ckpt-1"'), 'tensorflow'],
  ['text', bytes('\t~\n'), 'text'],
  ['with a byte that text has not', bytes('text', [127]), 'unknown'],
  ['with a bell', bytes('text', [7]), 'unknown'],
  ['with another below a tab', bytes('text', [8]), 'unknown'],
  ['text whose end is none', Buffer.concat([Buffer.alloc(512, 'a'), Buffer.from([0])]), 'text'],
  ['nothing', Buffer.alloc(0), 'unknown'],
])('%s', (_, file, is) => {
  expect(kind(file)).toBe(is);
});
