/** Arrays of NumPy's .npy format (numpy.lib.format, versions 1 to 3), alone or in an .npz archive, read by piece. */
import { constants, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { RampartError } from '../../errors.ts';
import { type ByteSource, bytesInMemory } from './bytes.ts';
import { type ArchivedFile, readDirectory } from './zip.ts';

/** How numbers are stored, by the type in the header: bytes each, and how one is read. */
const TYPES = {
  '|u1': { size: 1, make: (bytes: ArrayBuffer) => new Uint8Array(bytes) },
  '|i1': { size: 1, make: (bytes: ArrayBuffer) => new Int8Array(bytes) },
  '<u2': { size: 2, make: (bytes: ArrayBuffer) => new Uint16Array(bytes) },
  '<i2': { size: 2, make: (bytes: ArrayBuffer) => new Int16Array(bytes) },
  '<u4': { size: 4, make: (bytes: ArrayBuffer) => new Uint32Array(bytes) },
  '<i4': { size: 4, make: (bytes: ArrayBuffer) => new Int32Array(bytes) },
  '<u8': { size: 8, make: (bytes: ArrayBuffer) => new BigUint64Array(bytes) },
  '<i8': { size: 8, make: (bytes: ArrayBuffer) => new BigInt64Array(bytes) },
  '<f4': { size: 4, make: (bytes: ArrayBuffer) => new Float32Array(bytes) },
  '<f8': { size: 8, make: (bytes: ArrayBuffer) => new Float64Array(bytes) },
} as const;
export type NpyType = keyof typeof TYPES;
export type NpyValues = ReturnType<(typeof TYPES)[NpyType]['make']>;

/** An array whose numbers are still where they are. */
export interface NpyArray {
  /** For messages: `x.npy`, or `x.npz: images`. */
  readonly name: string;
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Numbers `from` to `from + count` in C order. */
  read(from: number, count: number): NpyValues;
}

const LONGEST_HEADER = 1 << 16;
/** Compressed arrays are held whole. */
const MOST_HELD = 2 ** 30;
/** Compressed bytes that hold the header, whatever is in it. */
const START_BYTES = 1 << 16;

const failing = (name: string) => (what: string, remedy?: string) => new RampartError(`[data] ${name}: ${what}`, { remedy });

interface Header {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Where the numbers begin. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
}

function headerOf(start: Buffer, name: string): Header {
  const fail = failing(name);
  if (start.length < 12 || start.toString('latin1', 0, 6) !== '\x93NUMPY')
    throw fail('expected an array of NumPy, it does not begin as one');
  const version = start[6] as number;
  if (version < 1 || version > 3) throw fail(`expected version 1 to 3 of the format, got ${version}`);
  const [length, at] = version === 1 ? [start.readUInt16LE(8), 10] : [start.readUInt32LE(8), 12];
  if (length > LONGEST_HEADER || at + length > start.length) throw fail(`its header of ${length} bytes is too long, or truncated`);
  const text = start.toString('latin1', at, at + length);
  const descr = text.match(/'descr':\s*'([^']{1,20})'/)?.[1];
  if (descr === undefined) throw fail('its numbers are of several types', 'save an array of one type');
  if (!Object.hasOwn(TYPES, descr)) throw unreadable(descr, fail);
  if (!/'fortran_order':\s*False/.test(text)) throw fail('it is in Fortran order', 'save numpy.ascontiguousarray(x)');
  const dims = text.match(/'shape':\s*\(([\d,\s]*)\)/)?.[1];
  if (dims === undefined) throw fail('its header has no shape');
  const shape = dims.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  const type = descr as NpyType;
  const end = at + length + TYPES[type].size * shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(end)) throw fail(`its shape (${shape.join(', ')}) is more than there can be`);
  return { type, shape, start: at + length, end };
}

function unreadable(descr: string, fail: ReturnType<typeof failing>): RampartError {
  if (descr.includes('O'))
    return fail('it holds pickled objects, which are never read', 'save numbers: x.astype(numpy.uint8) or numpy.float32');
  if (descr.startsWith('>')) return fail(`its numbers are big-endian (${descr})`, `save x.astype("<${descr.slice(1)}")`);
  return fail(
    `its numbers are of type ${descr}, expected one of ${Object.keys(TYPES).join(', ')}`,
    'save images as numpy.uint8 or numpy.float32, labels as numpy.int64',
  );
}

/** The array in `length` bytes of `source` from `offset`. */
function arrayAt(source: ByteSource, name: string, offset: number, length: number): NpyArray {
  const { type, shape, start, end } = headerOf(source.read(offset, Math.min(length, LONGEST_HEADER + 12)), name);
  if (end !== length)
    throw failing(name)(`${end > length ? 'truncated' : 'too long'}: it has ${length} bytes, its shape (${shape.join(', ')}) needs ${end}`);
  const { size, make } = TYPES[type];
  return { name, type, shape, read: (from, count) => make(source.read(offset + start + from * size, count * size).buffer) };
}

/** The array of an .npy file. Throws a RampartError that names it where it is none, or of a type that is not read. */
export function readNpy(source: ByteSource): NpyArray {
  return arrayAt(source, source.name, 0, source.size);
}

/** The arrays of an .npz archive by name; each is looked at when it is asked for. */
export function readNpz(source: ByteSource): { readonly name: string; readonly names: readonly string[]; array(name: string): NpyArray } {
  const files = readDirectory(source, 'data');
  const names = [...files.keys()].flatMap((file) => (file.endsWith('.npy') ? [file.slice(0, -4)] : []));
  return {
    name: source.name,
    names,
    array(name) {
      const file = files.get(`${name}.npy`);
      const place = `${source.name}: ${name}`;
      if (!file) throw new RampartError(`[data] ${source.name} has no array "${name}"; it has ${shownNames(names)}`);
      return file.compressed ? heldArray(source, place, file) : arrayAt(source, place, file.offset, file.size);
    },
  };
}

/** A few names, for a message. */
export function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => (name.length > 40 ? `${name.slice(0, 40)}...` : name));
  return `${shown.join(', ') || 'none'}${names.length > 12 ? `, and ${names.length - 12} more` : ''}`;
}

/** A compressed array, inflated no further than its own header says. */
function heldArray(source: ByteSource, name: string, { offset, size }: ArchivedFile): NpyArray {
  const fail = failing(name);
  if (size > MOST_HELD) throw fail(`${size} compressed bytes are too many to hold`, 'save it with numpy.savez, then it is read by piece');
  const packed = source.read(offset, size);
  const inflate = (bytes: Buffer, options: ZlibOptions): Buffer => {
    try {
      return inflateRawSync(bytes, options);
    } catch (cause) {
      throw fail(`its compressed bytes are damaged, or more than its header says: ${(cause as Error).message}`);
    }
  };
  const start = inflate(packed.subarray(0, START_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
  const { end } = headerOf(start, name);
  if (end > MOST_HELD) throw fail(`${end} bytes are too many to hold`, 'save it with numpy.savez, then it is read by piece');
  const held = bytesInMemory(inflate(packed, { maxOutputLength: end }), name);
  return arrayAt(held, name, 0, held.size);
}
