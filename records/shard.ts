/** A range of a cell's images, attacked by a job of its own: in the store until the cell's record is made of it. */
import { z } from 'zod';
import { errorSchema, provenanceSchema, RECORD_VERSION } from './record.ts';
import { suspendedSchema } from './schemas/training.ts';

/** What was found of the images is the last state in the checkpoint of the same key. */
export const shardRecordSchema = z.strictObject({
  schema: z.literal(RECORD_VERSION),
  kind: z.literal('shard'),
  key: z.string(),
  status: z.enum(['done', 'failed']),
  error: errorSchema.optional(),
  /** Key of the cell. */
  cell: z.string(),
  /** Places among the cell's images. */
  from: z.int().nonnegative(),
  count: z.int().min(1),
  wallMs: z.number().nonnegative(),
  suspendedMs: suspendedSchema,
  batchSize: z.int().min(1),
  peakMemoryMb: z.number().nonnegative(),
  provenance: provenanceSchema,
});

export type ShardRecord = z.infer<typeof shardRecordSchema>;

/** Neighbouring images of a cell, by their places in it. */
export interface ImageRange {
  readonly from: number;
  readonly count: number;
}

/** The key of a shard: that of its cell and the places of its first and last image. */
export const shardKey = (cell: string, { from, count }: ImageRange) => `${cell}-${from}-${from + count - 1}`;

/** Cell and range of a shard's key; undefined for what is none. */
export function rangeOfKey(key: string): { cell: string; range: ImageRange } | undefined {
  const [, cell, first, last] = /^([0-9a-f]{24})-(\d{1,8})-(\d{1,8})$/.exec(key) ?? [];
  if (cell === undefined || Number(last) < Number(first)) return undefined;
  return { cell, range: { from: Number(first), count: Number(last) - Number(first) + 1 } };
}

/** The ranges of shards by their cells, from their keys; what is no key is left out. */
export function rangesByCell(keys: readonly string[]): Map<string, ImageRange[]> {
  const found = new Map<string, ImageRange[]>();
  for (const key of keys) {
    const { cell, range } = rangeOfKey(key) ?? {};
    if (cell !== undefined && range) found.set(cell, [...(found.get(cell) ?? []), range]);
  }
  return found;
}
