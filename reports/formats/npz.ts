/** NumPy's archive format: .npy arrays (format 1.0) in a zip, stored with deflate, without dates, so that equal arrays are equal bytes. */
import { deflateRawSync } from 'node:zlib';

export type NpyArray =
  | { readonly kind: 'int8'; readonly shape: readonly number[]; readonly values: Int8Array }
  | { readonly kind: 'int32'; readonly shape: readonly number[]; readonly values: Int32Array }
  | { readonly kind: 'text'; readonly shape: readonly number[]; readonly values: readonly string[] };

/** One array: magic, version, a header that is a Python dictionary padded to 64 bytes, then the values in C order, little-endian. */
export function npy(array: NpyArray): Uint8Array {
  const width = array.kind === 'text' ? Math.max(1, ...array.values.map((v) => [...v].length)) : 0;
  const dtype = array.kind === 'int8' ? '|i1' : array.kind === 'int32' ? '<i4' : `<U${width}`;
  const shape = `(${array.shape.join(', ')}${array.shape.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11)}\n`;
  const body = values(array, width);
  const out = Buffer.alloc(10 + header.length + body.length);
  out.write('\x93NUMPY\x01\x00', 0, 'latin1');
  out.writeUInt16LE(header.length, 8);
  out.write(header, 10, 'latin1');
  out.set(body, 10 + header.length);
  return out;
}

function values(array: NpyArray, width: number): Uint8Array {
  if (array.kind === 'int8') return new Uint8Array(array.values.buffer, array.values.byteOffset, array.values.byteLength);
  const out = Buffer.alloc(array.kind === 'int32' ? array.values.length * 4 : array.values.length * width * 4);
  if (array.kind === 'int32') for (const [i, v] of array.values.entries()) out.writeInt32LE(v, 4 * i);
  // NumPy's text is UTF-32, every item padded with zeros to the longest one.
  else
    for (const [i, v] of array.values.entries())
      for (const [j, c] of [...v].entries()) out.writeUInt32LE(c.codePointAt(0) ?? 0, 4 * (i * width + j));
  return out;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The CRC-32 of zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = (CRC_TABLE[(c ^ byte) & 0xff] as number) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** The first day that a zip can name, 1980-01-01: a site holds no date of its making. */
const DOS_DATE = 0x21;

/** A zip of `<name>.npy`, in name order. */
export function npz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const name of Object.keys(arrays).sort()) {
    const content = npy(arrays[name] as NpyArray);
    const packed = deflateRawSync(content, { level: 6 });
    const file = Buffer.from(`${name}.npy`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt16LE(DOS_DATE, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(file.length, 22);
    const local = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), common, file, packed]);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from([0x50, 0x4b, 1, 2, 20, 0]), common, central, file]));
    parts.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}
