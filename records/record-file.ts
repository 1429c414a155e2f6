/** The bytes of a record as a record, or the reason why they are none. */
import { z } from 'zod';
import { PACKED_VERSION, type PackedCell, packedCellSchema, unpackCell } from './packed/cell.ts';
import type { Labels } from './packed/labels.ts';
import { UnfitFile } from './plain-file.ts';
import { type AnyCellRecord, cellRecordSchema, type ModelRecord, modelRecordSchema } from './record.ts';
import { unseal } from './seal.ts';
import { type ShardRecord, shardRecordSchema } from './shard.ts';

/** What a job leaves. */
export type JobRecord = Records[keyof Records];

/** Records by their kind. */
export interface Records {
  readonly model: ModelRecord;
  readonly cell: AnyCellRecord;
  readonly shard: ShardRecord;
}

export const SCHEMAS: { readonly [K in keyof Records]: z.ZodType<Records[K]> } = {
  model: modelRecordSchema,
  cell: cellRecordSchema,
  shard: shardRecordSchema,
};

/** Deeper than any recipe or parameter nests, and far from where walking it by recursion would end. */
const DEEPEST = 32;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** How deep JSON nests: brackets outside of texts. */
export function nesting(json: Uint8Array): number {
  let [depth, deepest, inText] = [0, 0, false];
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (byte === QUOTE) inText = !inText;
    else if (inText) i += byte === BACKSLASH ? 1 : 0;
    else if (OPENING.has(byte)) deepest = Math.max(deepest, ++depth);
    else if (CLOSING.has(byte)) depth--;
  }
  return deepest;
}

/** JSON as a value. The reason holds a place at most: V8's own message shows what is there, which may be anything. */
export function parseJson(bytes: Uint8Array): unknown {
  const deep = nesting(bytes);
  if (deep > DEEPEST) throw new UnfitFile(`expected JSON that nests at most ${DEEPEST} deep, got ${deep}`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1];
    throw new UnfitFile(`not JSON${position === undefined ? '' : `: it breaks at character ${position}`}`);
  }
}

/** The largest number of float32, which every figure of a run is or is made of: sums and squares of such stay finite. */
const LARGEST = 3.5e38;

/** A key names files and anchors. */
const KEY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/;

/** What a schema does not say, and everything that shows a record relies on. */
function sound<R extends JobRecord>(record: R): R {
  if (!KEY.test(record.key)) throw new UnfitFile('expected a key of letters, digits, _ and -');
  const huge = numbersIn(record).find((v) => Math.abs(v) > LARGEST);
  if (huge !== undefined) throw new UnfitFile(`expected numbers up to ${LARGEST}, got ${huge}`);
  if (record.kind === 'cell' && record.status === 'done') checkOutcomes(record);
  return record;
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(numbersIn) : [];
}

/** There is one outcome of every kind for every image. */
function checkOutcomes({ n, outcomes, indices }: AnyCellRecord): void {
  const { nearest, ...others } = outcomes;
  const all = { ...others, ...(nearest && { 'nearest.found': nearest.found, 'nearest.distances': nearest.distances }) };
  for (const [name, values] of Object.entries(all))
    if (values.length !== n) throw new UnfitFile(`expected ${n} outcomes.${name}, got ${values.length}`);
  if (indices && indices.length !== n) throw new UnfitFile(`expected ${n} indices, each once, got ${indices.length}`);
}

/** What a file of `kind` says: the record, or what it makes of the labels whose file has the hash `images`. */
export type Stored<K extends keyof Records> =
  | { readonly record: Records[K] }
  | { readonly images: string; readonly with: (labels: Labels) => Records[K] };

/** Throws `UnfitFile`; what is no record at all is not shown. */
export function parseStored<K extends keyof Records>(kind: K, bytes: Uint8Array): Stored<K> {
  const json = parseJson(bytes);
  if (json === null || typeof json !== 'object' || (json as { kind?: unknown }).kind !== kind)
    throw new UnfitFile(`not a record: expected an object whose kind is "${kind}"`);
  const value = unseal(json);
  if (kind === 'cell' && (value as { schema?: unknown }).schema === PACKED_VERSION) {
    const packed: PackedCell = fitted(packedCellSchema, value);
    return { images: packed.images, with: (labels) => sound(fitted(cellRecordSchema, unpackCell(packed, labels))) as Records[K] };
  }
  return { record: sound(fitted(SCHEMAS[kind], value)) };
}

/** A record of `kind` that is whole in its file. Throws as `parseStored` does. */
export function parseRecord<K extends keyof Records>(kind: K, bytes: Uint8Array): Records[K] {
  const stored = parseStored(kind, bytes);
  if ('record' in stored) return stored.record;
  throw new UnfitFile('its labels are in a file of their own');
}

function fitted<T>(schema: z.ZodType<T>, value: object): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UnfitFile(`does not fit the schema: ${z.prettifyError(parsed.error).split('\n').slice(0, 4).join(' ').slice(0, 500)}`);
}
