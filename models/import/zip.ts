/** The directory of a zip archive, to read files of it that are stored as they are, which is how PyTorch writes tensors. APPNOTE 6.3.10, sections 4.3 and 4.5. */
import { RampartError } from '../../errors.ts';
import type { ByteSource } from './bytes.ts';

/** Where a file's bytes lie in the archive. */
export interface ArchivedFile {
  readonly offset: number;
  readonly size: number;
  /** TorchScript compresses its code; tensors are never compressed. */
  readonly compressed: boolean;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const ZIP64_FIELD = 1;
/** The end record with the longest comment. */
const LONGEST_END = 22 + 0xffff;
/** A network of a hundred thousand tensors is none that we know; a directory of that size is refused before it is read. */
const MOST_FILES = 100_000;

interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

function findDirectory(source: ByteSource, fail: (what: string) => RampartError): Directory {
  const length = Math.min(source.size, LONGEST_END);
  const tail = source.read(source.size - length, length);
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0) throw fail('the archive has no directory: truncated');
  const [count, size, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  if (offset !== 0xffffffff && count !== 0xffff && size !== 0xffffffff) return { count, size, offset };
  if (at < 20) throw fail('the archive has no 64-bit directory: truncated');
  const end64 = source.read(Number(tail.readBigUInt64LE(at - 12)), 56);
  if (end64.readUInt32LE(0) !== END_64) throw fail('the 64-bit directory is damaged');
  const big = (place: number) => Number(end64.readBigUInt64LE(place));
  return { count: big(32), size: big(40), offset: big(48) };
}

/** Sizes and offsets that do not fit 32 bits, from the extra field of an entry. */
function zip64(extra: Buffer, wanted: readonly boolean[]): (number | undefined)[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_FIELD) continue;
    let place = at + 4;
    return wanted.map((want) => {
      if (!want || place + 8 > extra.length) return undefined;
      place += 8;
      return Number(extra.readBigUInt64LE(place - 8));
    });
  }
  return wanted.map(() => undefined);
}

/** Every file of the archive by its path. Throws a RampartError, which says whose archive it is, when the directory is damaged or a file encrypted. */
export function readDirectory(source: ByteSource, whose = 'weights'): Map<string, ArchivedFile> {
  const fail = (what: string) => new RampartError(`[${whose}] ${source.name}: ${what}`);
  const { count, size: length, offset } = findDirectory(source, fail);
  if (count > MOST_FILES) throw fail(`the archive says it holds ${count} files, expected at most ${MOST_FILES}`);
  const directory = source.read(offset, length);
  const files = new Map<string, ArchivedFile>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== ENTRY) throw fail(`entry ${i} of the archive's directory is damaged`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((p) => directory.readUInt16LE(at + p)) as [number, number, number];
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > directory.length) throw fail(`entry ${i} of the archive's directory is damaged`);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (directory.readUInt16LE(at + 8) & 1) throw fail(`${name} is encrypted`);
    const compressed = directory.readUInt16LE(at + 10) !== 0;
    const [packed, start] = [directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)];
    const plain = directory.readUInt32LE(at + 24);
    const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const wide = zip64(extra, [plain === 0xffffffff, packed === 0xffffffff, start === 0xffffffff]);
    const size = compressed ? (wide[1] ?? packed) : (wide[0] ?? plain);
    files.set(name, { ...placeOf(source, wide[2] ?? start, size, name, fail), size, compressed });
    at = next;
  }
  return files;
}

/** The local header may carry padding that the directory knows nothing of: PyTorch aligns tensors with it. */
function placeOf(source: ByteSource, header: number, size: number, name: string, fail: (what: string) => RampartError): { offset: number } {
  const local = source.read(header, 30);
  if (local.readUInt32LE(0) !== LOCAL) throw fail(`${name} is not where the archive's directory says`);
  const offset = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  if (offset + size > source.size)
    throw fail(`${name} needs ${size} bytes from byte ${offset}, the file ends at ${source.size}: truncated`);
  return { offset };
}

/** `length` bytes of a file from `from`. Throws a RampartError where they are compressed or not there. */
export function readStored(source: ByteSource, name: string, file: ArchivedFile, from = 0, length = file.size - from): Buffer<ArrayBuffer> {
  if (file.compressed) throw new RampartError(`[weights] ${source.name}: ${name} is compressed; PyTorch stores tensors as they are`);
  if (!(from >= 0 && length >= 0 && from + length <= file.size))
    throw new RampartError(`[weights] ${source.name}: ${name} has ${file.size} bytes, ${from + length} are needed`);
  return source.read(file.offset + from, length);
}
