/** The safetensors format: weights that PyTorch reads and writes. */
import { RampartError } from '../errors.ts';

export interface Entry {
  readonly shape: number[];
  readonly data: Float32Array;
}

export interface SafetensorsFile {
  readonly entries: Map<string, Entry>;
  readonly metadata: Record<string, string>;
}

const READERS: Record<string, (view: Uint8Array) => Float32Array> = {
  F32: (b) => new Float32Array(new Uint8Array(b).buffer),
  F64: (b) => Float32Array.from(new Float64Array(new Uint8Array(b).buffer)),
  I64: (b) => Float32Array.from(new BigInt64Array(new Uint8Array(b).buffer), Number),
  I32: (b) => Float32Array.from(new Int32Array(new Uint8Array(b).buffer)),
  U8: (b) => Float32Array.from(b),
};

/** Reads every tensor as float32 (int64, int32 and uint8 too, such as `num_batches_tracked` and labels). Throws with `source`, the entry and the byte when the file is not whole. */
export function readSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const fail = (what: string) => new RampartError(`[weights] ${source}: ${what}`);
  if (bytes.length < 8) throw fail(`ends at byte ${bytes.length}, before the header's length (8 bytes)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const start = 8 + headerLength;
  if (start > bytes.length) throw fail(`ends at byte ${bytes.length}, inside its header (${start} bytes); not a whole safetensors file`);
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> & {
    __metadata__?: Record<string, string>;
  };
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch (cause) {
    throw new RampartError(`[weights] ${source}: the header is not JSON; not a safetensors file`, { cause });
  }
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = new Map<string, Entry>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(tensors)) {
    const read = READERS[dtype];
    if (!read) throw fail(`${name} has dtype ${dtype}, expected one of ${Object.keys(READERS).join(', ')}`);
    if (start + data_offsets[1] > bytes.length)
      throw fail(`ends at byte ${bytes.length}, but ${name} needs ${start + data_offsets[1]}: truncated`);
    const data = read(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size) throw fail(`${name} holds ${data.length} values, its shape [${shape.join(', ')}] needs ${size}`);
    entries.set(name, { shape, data });
  }
  return { entries, metadata };
}

/** The bytes of a file with these float32 tensors, in name order, so that equal weights are equal bytes. */
export function writeSafetensors(entries: ReadonlyMap<string, Entry>, metadata: Record<string, string> = {}): Uint8Array {
  const names = [...entries.keys()].sort();
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0)
    header.__metadata__ = Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
  let offset = 0;
  for (const name of names) {
    const { shape, data } = entries.get(name) as Entry;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const head = Buffer.from(json);
  const out = new Uint8Array(8 + head.length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { data } = entries.get(name) as Entry;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}
