/** Checkpoints of PyTorch written by hand, as its own code would not: in the older form, or as an archive. */
import { zipSync } from 'fflate';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { LEGACY_MAGIC } from '../../../models/import/pytorch.ts';

/** A piece of a pickle. */
export type Piece = Buffer<ArrayBuffer>;

const joined = (...pieces: (string | Piece)[]): Piece => Buffer.concat(pieces.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)));

/** Four bytes, whatever the number: so that the size of a file does not depend on it. */
export function int(value: number): Piece {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes;
}
export const none = Buffer.from('N');
export const half = joined('F0.5\n');
export const text = (value: string) => joined('V', value, '\n');
export const tuple = (...items: Piece[]) => joined('(', ...items, 't');
export const list = (...items: Piece[]) => joined('(', ...items, 'l');
export const dict = (entries: Readonly<Record<string, Piece>>) =>
  joined('(', ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), 'd');
export const named = (module: string, name: string) => joined(`c${module}\n${name}\n`);
/** What calling `module.name` would have made; `state` is what it would have been given. */
export const made = (module: string, name: string, args: Piece[], state?: Piece) =>
  joined(named(module, name), tuple(...args), 'R', ...(state ? [state, 'b'] : []));

export interface Described {
  storage?: Piece;
  offset?: number;
  shape?: number[];
  stride?: number[];
}

/** The storage `key` of `count` values, as `torch.FloatStorage` unless `type` says otherwise. */
export const storage = ({ key = '0', type = 'FloatStorage', count = int(6), tag = 'storage' } = {}) =>
  joined(tuple(text(tag), named('torch', type), text(key), text('cpu'), count), 'Q');

/** The arguments with which PyTorch would rebuild a tensor: a vector of three unless told otherwise. */
export const rebuilt = ({ storage: of = storage(), offset = 0, shape = [3], stride = [1] }: Described = {}): Piece[] => [
  of,
  int(offset),
  tuple(...shape.map(int)),
  tuple(...stride.map(int)),
];
export const tensor = (described: Described = {}) => made('torch._utils', '_rebuild_tensor_v2', rebuilt(described));

/** A file of five pickles, then the storages: floats 1, 2, 3, ... each. */
export function legacy(
  value: Piece,
  { protocol = int(1001), system = dict({ little_endian: Buffer.from([0x88]) }), keys = list(text('0')), counts = [6] } = {},
) {
  const storages = counts.map((count) => {
    const bytes = Buffer.alloc(8 + 4 * Math.max(0, count));
    bytes.writeBigInt64LE(BigInt(count));
    for (let i = 0; i < count; i++) bytes.writeFloatLE(i + 1, 8 + 4 * i);
    return bytes;
  });
  const pickles = [protocol, system, value, keys].map((piece) => joined(piece, '.'));
  return bytesInMemory(joined(Buffer.from([0x80, 2]), LEGACY_MAGIC, ...pickles, ...storages), 'w.pt');
}

/** An archive of the files in `files` beside the pickle of `value`, below `root`; the storage `0` holds the floats 1 to 6. */
export function archive(value: Piece, files: Record<string, Uint8Array> = {}, root = 'net/') {
  const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const all = { 'data.pkl': new Uint8Array(joined(value, '.')), 'data/0': floats, ...files };
  const rooted = Object.fromEntries(Object.entries(all).map(([name, bytes]) => [`${root}${name}`, bytes]));
  return bytesInMemory(zipSync(rooted, { level: 0 }), 'w.pt');
}
