/** NumPy's archive format: .npy arrays (format 1.0) in a zip, packed with deflate, without dates, so that equal arrays are equal bytes. */
import { zipSync } from 'fflate';

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

/** A zip of `<name>.npy`, in name order, dated with the first day that a zip can name: a site holds no date of its making. */
export function npz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  const names = Object.keys(arrays).sort();
  // zip writes local time
  const mtime = new Date(1980, 0, 1);
  return zipSync(Object.fromEntries(names.map((name) => [`${name}.npy`, npy(arrays[name] as NpyArray)])), { level: 6, mtime });
}
