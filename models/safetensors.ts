/** The safetensors format: weights that PyTorch reads and writes. */
import { RampartError } from '../errors.ts';
import { fromHalf, toHalf } from '../tensor/half.ts';

export interface Entry {
  readonly shape: number[];
  readonly data: Float32Array;
  /** As which the values are written; F32 unless given. U8 and I32 are of whole numbers. */
  readonly dtype?: keyof typeof WRITERS;
}

export interface SafetensorsFile {
  readonly entries: Map<string, Entry>;
  readonly metadata: Record<string, string>;
}

/** Bytes of one value, and the values of bytes that start at a multiple of it. */
const READERS: Readonly<Record<string, readonly [width: number, read: (buffer: ArrayBuffer) => Float32Array]>> = {
  F32: [4, (b) => new Float32Array(b)],
  F16: [2, (b) => Float32Array.from(new Uint16Array(b), fromHalf)],
  // the upper half of a float32
  BF16: [2, (b) => new Float32Array(Uint32Array.from(new Uint16Array(b), (v) => v << 16).buffer)],
  F64: [8, (b) => Float32Array.from(new Float64Array(b))],
  I64: [8, (b) => Float32Array.from(new BigInt64Array(b), Number)],
  I32: [4, (b) => Float32Array.from(new Int32Array(b))],
  I16: [2, (b) => Float32Array.from(new Int16Array(b))],
  I8: [1, (b) => Float32Array.from(new Int8Array(b))],
  U8: [1, (b) => Float32Array.from(new Uint8Array(b))],
  BOOL: [1, (b) => Float32Array.from(new Uint8Array(b), (v) => (v === 0 ? 0 : 1))],
};

/** Values as bytes. */
const WRITERS = {
  U8: (data: Float32Array) => Uint8Array.from(data),
  I32: (data: Float32Array) => bytesOf(Int32Array.from(data)),
  F16: (data: Float32Array) => bytesOf(Uint16Array.from(data, toHalf)),
  F32: (data: Float32Array) => bytesOf(data),
} as const;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

/** Values of the type that safetensors calls `dtype` as float32. `bytes` is its own buffer and a whole number of values. */
export function floatsOf(dtype: string, bytes: Buffer<ArrayBuffer>): Float32Array {
  const reader = READERS[dtype];
  if (!reader) throw new RampartError(`[weights] unknown dtype ${dtype}, expected one of ${Object.keys(READERS).join(', ')}`);
  return reader[1](bytes.buffer);
}

/** An entry of the header. */
interface Described {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [begin: number, end: number];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const areSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);

function isDescribed(value: unknown): value is Described {
  if (!isObject(value) || typeof value.dtype !== 'string' || !areSizes(value.shape) || !areSizes(value.data_offsets)) return false;
  const [begin, end] = value.data_offsets;
  return value.data_offsets.length === 2 && (begin as number) <= (end as number);
}

type Fail = (what: string) => RampartError;

/** The header as JSON, and the byte at which the data start. */
function readHeader(bytes: Uint8Array, fail: Fail): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw fail(`ends at byte ${bytes.length}, before the header's length (8 bytes)`);
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (start > bytes.length) throw fail(`ends at byte ${bytes.length}, inside its header (${start} bytes); not a whole safetensors file`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch {
    throw fail('the header is not JSON; not a safetensors file');
  }
  if (!isObject(header)) throw fail('the header is not an object of entries; not a safetensors file');
  return { header, start };
}

function readEntry(name: string, described: unknown, bytes: Uint8Array, start: number, fail: Fail): Entry {
  if (!isDescribed(described)) throw fail(`${name} is not an entry: expected dtype, shape and data_offsets [begin, end]`);
  const { dtype, shape, data_offsets } = described;
  const [begin, end] = [start + data_offsets[0], start + data_offsets[1]];
  const reader = Object.hasOwn(READERS, dtype) ? READERS[dtype] : undefined;
  if (!reader) throw fail(`${name} has dtype ${dtype}, expected one of ${Object.keys(READERS).join(', ')}`);
  if (end > bytes.length) throw fail(`ends at byte ${bytes.length}, but ${name} needs ${end}: truncated`);
  const [width, read] = reader;
  if ((end - begin) % width !== 0) throw fail(`${name} has ${end - begin} bytes, no whole number of ${dtype} values`);
  const data = read(new Uint8Array(bytes.subarray(begin, end)).buffer); // a copy, because typed arrays start at multiples of their width
  const size = shape.reduce((a, b) => a * b, 1);
  if (data.length !== size) throw fail(`${name} holds ${data.length} values, its shape [${shape.join(', ')}] needs ${size}`);
  return { shape, data };
}

/**
 * Reads every tensor as float32 (half precision and integers too, such as `num_batches_tracked` and labels).
 * Throws with `source`, the entry and the byte when the file is not whole.
 */
export function readSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const fail: Fail = (what) => new RampartError(`[weights] ${source}: ${what}`);
  const { header, start } = readHeader(bytes, fail);
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = new Map<string, Entry>();
  // entries that share bytes would be copied again and again: a small file could ask for any memory
  let room = bytes.length - start;
  for (const [name, described] of Object.entries(tensors)) {
    const entry = readEntry(name, described, bytes, start, fail);
    const [begin, end] = (described as Described).data_offsets;
    room -= end - begin;
    if (room < 0) throw fail(`${name} shares bytes with the entries before it`);
    entries.set(name, entry);
  }
  return { entries, metadata: metadata as Record<string, string> };
}

/** The bytes of a file with these tensors, in name order, so that equal weights are equal bytes; wide values come first, so that all start at multiples of their width. */
export function writeSafetensors(entries: ReadonlyMap<string, Entry>, metadata: Record<string, string> = {}): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0)
    header.__metadata__ = Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
  const written = [...entries].map(([name, { shape, data, dtype = 'F32' }]) => ({ name, shape, dtype, bytes: WRITERS[dtype](data) }));
  const width = ({ dtype }: { dtype: string }) => (READERS[dtype] as (typeof READERS)[string])[0];
  written.sort((a, b) => width(b) - width(a) || (a.name < b.name ? -1 : 1));
  let offset = 0;
  for (const { name, shape, dtype, bytes } of written) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  let json = JSON.stringify(header);
  const encoder = new TextEncoder();
  json += ' '.repeat((8 - (encoder.encode(json).length % 8)) % 8);
  const head = encoder.encode(json);
  const out = new Uint8Array(8 + head.length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  let at = 8 + head.length;
  for (const { bytes } of written) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}
