/** Options whose values a suite may give too, checked by what a suite is: apart from the others, since it loads more than `--help` needs. */
import { type ShardChoice, shardSchema } from '../harness/suite/schema.ts';
import { PRECISIONS, type Precision } from '../tensor/precision.ts';
import { type RawOptions, UsageError } from './options.ts';

/** `--precision` where it is given. */
export function precisionOf({ precision }: RawOptions): Precision | undefined {
  if (precision === undefined) return undefined;
  const found = PRECISIONS.find((name) => name === precision);
  if (found) return found;
  throw new UsageError(`[--precision] expected one of ${PRECISIONS.join(', ')}, got ${JSON.stringify(precision)}`);
}

/** How long cells are cut, where that is asked for. */
export function shardOption(value: unknown): ShardChoice | undefined {
  if (value === undefined) return undefined;
  const parsed = shardSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(`[--shard] expected auto, off, or a number of images, got ${JSON.stringify(value)}`);
}
