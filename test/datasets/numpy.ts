/** Files as NumPy writes them, made for a test. */
import { zipSync } from 'fflate';

type Numbers = Uint8Array | Uint16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** An .npy file of version 1, its header padded as NumPy does. */
export function npy(descr: string, shape: readonly number[], numbers: Numbers, order = 'False'): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${dims}), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}`, 'latin1');
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)]);
}

/** An .npz archive of arrays by name. */
export function npz(arrays: Record<string, Uint8Array>, compressed = false): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), { level: compressed ? 6 : 0 });
}
