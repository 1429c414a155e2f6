/** Archives as they are rarely made: of 64 bits, encrypted, or with a directory that says what is not so. */
import { expect, it } from 'vitest';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { type ArchivedFile, readDirectory, readStored } from '../../../models/import/zip.ts';

interface Changes {
  /** Sizes, the place of the file and the directory's in their 64-bit fields. */
  wide?: boolean;
  extra?: Buffer;
  flags?: number;
  method?: number;
  comment?: string;
  count?: number;
  signature?: number;
  size?: number;
  local?: number;
}

const u16 = (...values: number[]) => Buffer.concat(values.map((v) => Buffer.from([v & 255, v >> 8])));
const u32 = (...values: number[]) =>
  Buffer.concat(
    values.map((v) => {
      const b = Buffer.alloc(4);
      b.writeUInt32LE(v);
      return b;
    }),
  );
const u64 = (...values: number[]) =>
  Buffer.concat(
    values.map((v) => {
      const b = Buffer.alloc(8);
      b.writeBigUInt64LE(BigInt(v));
      return b;
    }),
  );

/** An archive of one stored file `a` that holds `hello`. */
function archive({
  wide = false,
  extra,
  flags = 0,
  method = 0,
  comment = '',
  count = 1,
  signature = 0x02014b50,
  size = 5,
  local: own = 0x04034b50,
}: Changes = {}) {
  const local = Buffer.concat([u32(own), u16(20, 0, 0, 0, 0), u32(0, 5, 5), u16(1, 0), Buffer.from('ahello')]);
  const none = 0xffffffff;
  const field = extra ?? (wide ? Buffer.concat([u16(1, 24), u64(size, size, 0)]) : Buffer.alloc(0));
  const narrow = wide ? u32(none, none) : u32(size, size);
  const entry = Buffer.concat([
    ...[u32(signature), u16(20, 20, flags, method, 0, 0), u32(0), narrow, u16(1, field.length, 0, 0, 0)],
    ...[u32(0, wide ? none : 0), Buffer.from('a'), field],
  ]);
  const end64 = Buffer.concat([u32(0x06064b50), u64(44), u16(45, 45), u32(0, 0), u64(count, count, entry.length, local.length)]);
  const locator = Buffer.concat([u32(0x07064b50, 0), u64(local.length + entry.length), u32(1)]);
  const end = Buffer.concat([
    ...[u32(0x06054b50), u16(0, 0), wide ? u16(0xffff, 0xffff) : u16(count, count)],
    ...[wide ? u32(none, none) : u32(entry.length, local.length), u16(comment.length), Buffer.from(comment)],
  ]);
  return bytesInMemory(Buffer.concat([local, entry, ...(wide ? [end64, locator] : []), end]), 'x.zip');
}

it.each<[string, Changes]>([
  ['as it is', {}],
  ['of 64 bits', { wide: true }],
  ['with another field before that of 64 bits', { wide: true, extra: Buffer.concat([u16(0x5455, 2), u16(9), u16(1, 24), u64(5, 5, 0)]) }],
  ['with a comment at its end', { comment: 'made by hand' }],
])('an archive %s: its file is found', (_, changes) => {
  const source = archive(changes);
  const file = readDirectory(source).get('a') as ArchivedFile;
  expect(file).toEqual({ offset: 31, size: 5, compressed: false });
  expect(readStored(source, 'a', file).toString()).toBe('hello');
  expect(readStored(source, 'a', file, 1, 3).toString()).toBe('ell');
});

it.each<[string, Changes, string]>([
  ['an encrypted file', { flags: 1 }, 'a is encrypted'],
  ['a million files', { wide: true, count: 1_000_000 }, 'the archive says it holds 1000000 files, expected at most 100000'],
  ['more files than are in the directory', { count: 2 }, "entry 1 of the archive's directory is damaged"],
  ['an entry that is none', { signature: 1 }, "entry 0 of the archive's directory is damaged"],
  ['a file that is not there', { local: 0x04034b51 }, "[data] x.zip: a is not where the archive's directory says"],
  ['a file beyond the end', { size: 500 }, 'a needs 500 bytes from byte 31'],
  ['a 64-bit field that is cut off', { wide: true, extra: Buffer.concat([u16(1, 4), u32(5)]) }, 'ends at byte'],
])('%s: refused', (_, changes, message) => {
  expect(() => readDirectory(archive(changes), 'data')).toThrow(message);
});

it('of a stored file, no more is read than there is, and of a compressed one nothing', () => {
  const source = archive();
  const file = readDirectory(source).get('a') as ArchivedFile;
  for (const [from, length] of [
    [0, 6],
    [3, 3],
    [-1, 2],
  ])
    expect(() => readStored(source, 'a', file, from, length)).toThrow('a has 5 bytes');
  const packed = archive({ method: 8 });
  expect(() => readStored(packed, 'a', readDirectory(packed).get('a') as ArchivedFile)).toThrow('a is compressed');
});
