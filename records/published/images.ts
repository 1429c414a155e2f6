/** Images that a run keeps to be published, as files: the originals that cells share, and what the attack of one cell made of them. */
import { type Entry, readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { fromHalf, toHalf } from '../../tensor/half.ts';
import type { Shape } from '../../tensor/tf.ts';
import { UnfitFile } from '../plain-file.ts';
import type { CellRecord } from '../record.ts';

/** How the values of an image are written: bytes that stand for `byte / 255`, half precision, or float32. */
export const ENCODINGS = ['u8', 'f16', 'f32'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Images of one encoding: `pixels` is `[k,h,w,c]` in [0,1], held exactly by it. */
export interface Block {
  readonly encoding: Encoding;
  readonly shape: Shape;
  readonly pixels: Float32Array;
}

/** Test images as they are. */
export interface Originals extends Block {
  /** Index of each in the data set's test split. */
  readonly indices: readonly number[];
  /** Of the data set, which a network that was trained on it normalises by. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Broken images of a cell; `ids` are their places in its outcomes. */
export interface PointBlock extends Block {
  readonly ids: readonly number[];
}

const DTYPES = { u8: 'U8', f16: 'F16', f32: 'F32' } as const;
/** Longest side of an image. */
const LONGEST_SIDE = 2048;

/** The shortest encoding that holds every value. */
export function exactEncoding(pixels: Float32Array): Encoding {
  if (pixels.every((v) => Math.fround(Math.round(v * 255) / 255) === v)) return 'u8';
  return pixels.every((v) => fromHalf(toHalf(v)) === v) ? 'f16' : 'f32';
}

const entryOf = ({ encoding, shape, pixels }: Block): Entry => ({
  shape: [pixels.length / shape.reduce((a, b) => a * b, 1), ...shape],
  data: encoding === 'u8' ? pixels.map((v) => Math.round(v * 255)) : pixels,
  dtype: DTYPES[encoding],
});

const whole = (values: readonly number[]): Entry => ({ shape: [values.length], data: Float32Array.from(values), dtype: 'I32' });

/** Entries: the images under the name of their encoding, and `indices` [k]; `mean` and `std` as JSON in the metadata. */
export function writeOriginals({ indices, mean, std, ...block }: Originals): Uint8Array {
  const entries = [[block.encoding, entryOf(block)] as const, ['indices', whole(indices)] as const];
  return writeSafetensors(new Map(entries), { mean: JSON.stringify(mean), std: JSON.stringify(std) });
}

/** Entries: for each encoding that there is, its images under its name, and `ids.ENCODING` [k]. */
export function writePoints(blocks: readonly PointBlock[]): Uint8Array {
  const entries = blocks.flatMap(({ ids, ...block }) => [
    [block.encoding, entryOf(block)] as const,
    [`ids.${block.encoding}`, whole(ids)] as const,
  ]);
  return writeSafetensors(new Map(entries));
}

/** Throws `UnfitFile`, or what a file that is no safetensors throws. */
export function parseOriginals(bytes: Uint8Array): Originals {
  const { entries, metadata } = readSafetensors(bytes, 'originals');
  const encoding = ENCODINGS.find((name) => entries.has(name));
  if (!encoding || entries.size !== 2) throw new UnfitFile('expected the entries u8, f16 or f32, and indices');
  const indices = numbersOf(entries.get('indices'), 'indices');
  const block = blockOf(encoding, entries.get(encoding) as Entry, indices.length);
  const [, , c] = block.shape;
  return { ...block, indices, mean: channels(metadata.mean, c), std: channels(metadata.std, c) };
}

/** Of the file of `cell`. Throws as `parseOriginals` does. */
export function parsePoints(bytes: Uint8Array, { n, outcomes }: Pick<CellRecord, 'n' | 'outcomes'>): PointBlock[] {
  const { entries } = readSafetensors(bytes, 'points');
  const there = ENCODINGS.filter((name) => entries.has(name));
  if (entries.size !== 2 * there.length) throw new UnfitFile('expected entries u8, f16 or f32, each with its ids');
  const blocks = there.map((encoding) => {
    const ids = numbersOf(entries.get(`ids.${encoding}`), `ids.${encoding}`);
    return { ...blockOf(encoding, entries.get(encoding) as Entry, ids.length), ids };
  });
  const ids = blocks.flatMap((block) => block.ids);
  const stranger = ids.find((id) => id >= n || outcomes.robust[id] !== '0');
  if (stranger !== undefined) throw new UnfitFile(`image ${stranger} is not one of the ${n} that the attack broke`);
  if (new Set(ids).size !== ids.length) throw new UnfitFile('an image is there twice');
  return blocks;
}

function numbersOf(entry: Entry | undefined, name: string): number[] {
  const numbers = [...(entry?.data ?? [])];
  if (entry?.shape.length !== 1 || !numbers.every((v) => Number.isSafeInteger(v) && v >= 0))
    throw new UnfitFile(`expected whole numbers as ${name}`);
  return numbers;
}

function blockOf(encoding: Encoding, { shape, data }: Entry, count: number): Block {
  const [k, h = 0, w = 0, c = 0] = shape;
  const isSide = (side: number) => side >= 1 && side <= LONGEST_SIDE;
  if (shape.length !== 4 || k !== count || !isSide(h) || !isSide(w) || !(c === 1 || c === 3))
    throw new UnfitFile(`expected ${count} images of 1 or 3 channels, got the shape [${shape.join(', ')}]`);
  const pixels = encoding === 'u8' ? data.map((v) => v / 255) : data;
  if (!pixels.every((v) => v >= 0 && v <= 1)) throw new UnfitFile('expected values from 0 to 1');
  return { encoding, shape: [h, w, c], pixels };
}

function channels(text: string | undefined, count: number): number[] {
  let values: unknown;
  try {
    values = JSON.parse(text ?? '');
  } catch {}
  if (!Array.isArray(values) || values.length !== count || !values.every((v) => typeof v === 'number'))
    throw new UnfitFile(`expected mean and std of ${count} channels in the metadata`);
  return values as number[];
}
