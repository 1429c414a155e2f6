/** What the header of a .npy file may say, and what is refused with a remedy. */
import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { readNpy, readNpz, shownNames } from '../../../models/import/npy.ts';

/** A file of that header, whose length it tells unless `told` does. */
function npy(header: string, body = '', { version = 1, magic = '\x93NUMPY', told = header.length } = {}): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(told);
  else length.writeUInt32LE(told);
  return Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.from([version, 0]), length, Buffer.from(header + body, 'latin1')]);
}

const of = (bytes: Buffer) => readNpy(bytesInMemory(bytes, 'x.npy'));
const header = ({ descr = "'|u1'", order = 'False', shape = '(3,)' } = {}) =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

it.each([1, 2, 3])('version %s of the format is read, by piece', (version) => {
  const array = of(npy(header(), 'abc', { version }));
  expect([array.name, array.type, array.shape]).toEqual(['x.npy', '|u1', [3]]);
  expect([...array.read(0, 3)]).toEqual([97, 98, 99]);
  expect([...array.read(1, 1)]).toEqual([98]);
});

it('an array without axes is one number', () => {
  expect(of(npy(header({ shape: '()' }), 'a'))).toMatchObject({ shape: [] });
});

it('a file of twelve bytes or fewer cannot hold a header', () => {
  expect(() => of(npy('').subarray(0, 8))).toThrow('it does not begin as one');
  expect(() => of(npy('ab'))).toThrow('its numbers are of several types');
});

it.each<[string, Buffer, string]>([
  ['another beginning', npy(header(), 'abc', { magic: '\x93NUMPX' }), 'expected an array of NumPy'],
  ['version 0', npy(header(), 'abc', { version: 0 }), 'expected version 1 to 3 of the format, got 0'],
  ['version 4', npy(header(), 'abc', { version: 4 }), 'expected version 1 to 3 of the format, got 4'],
  ['a header longer than the file', npy(header(), 'abc', { told: 5000 }), 'its header of 5000 bytes is too long, or truncated'],
  [
    'a header longer than any',
    npy(header() + ' '.repeat(70_000), '', { version: 2 }),
    `its header of ${header().length + 70_000} bytes is too long`,
  ],
  ['several types', npy(header({ descr: "[('a', '<i4')]" }), 'abc'), 'save an array of one type'],
  ['objects', npy(header({ descr: "'|O'" }), 'abc'), 'pickled objects, which are never read'],
  ['big-endian numbers', npy(header({ descr: "'>f4'" }), 'abc'), 'save x.astype("<f4")'],
  ['complex numbers', npy(header({ descr: "'<c8'" }), 'abc'), 'of type <c8, expected one of |u1'],
  ['Fortran order', npy(header({ order: 'True' }), 'abc'), 'numpy.ascontiguousarray'],
  ['no shape', npy("{'descr': '|u1', 'fortran_order': False}", 'abc'), 'its header has no shape'],
  ['a shape beyond counting', npy(header({ shape: '(9999999999, 9999999999)' }), 'abc'), 'more than there can be'],
  ['too few numbers', npy(header(), 'ab'), 'truncated: it has'],
  ['too many numbers', npy(header(), 'abcd'), 'too long: it has'],
])('%s: refused', (_, bytes, message) => {
  expect(() => of(bytes)).toThrow(message);
  expect(() => of(bytes)).toThrow('[data] x.npy: ');
});

it('an array of an archive is named with its file', () => {
  const packed = zipSync({ 'a.npy': npy(header(), 'ab'), 'b.npy': npy(header(), 'abc') }, { level: 0 });
  const archive = readNpz(bytesInMemory(packed, 'x.npz'));
  expect(() => archive.array('a')).toThrow('[data] x.npz: a: truncated');
  expect(archive.array('b')).toMatchObject({ name: 'x.npz: b', shape: [3] });
  expect(() => archive.array('c')).toThrow('[data] x.npz has no array "c"; it has a, b');
  const damaged = readNpz(bytesInMemory(zipSync({ 'a.npy': npy(header(), 'ab') }), 'x.npz'));
  expect(() => damaged.array('a')).toThrow('[data] x.npz: a: truncated');
});

it('names for a message are a dozen at most, and none is long', () => {
  expect(shownNames([])).toBe('none');
  expect(shownNames(['a', 'b'])).toBe('a, b');
  expect(shownNames(Array.from({ length: 14 }, (_, i) => `a${i}`))).toMatch(/a11, and 2 more$/);
  expect(shownNames(['x'.repeat(41)])).toBe(`${'x'.repeat(40)}...`);
});

it('bytes that are no archive are told as such', () => {
  expect(() => readNpz(bytesInMemory(Buffer.alloc(100), 'x.npz'))).toThrow('[data] x.npz: the archive has no directory: truncated');
});
