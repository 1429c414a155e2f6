/** Attacks a range of a cell's images, and puts the ranges of a cell together. */
import { RampartError } from '../../errors.ts';
import type { AnyCellRecord } from '../../records/record.ts';
import { type ImageRange, type ShardRecord, shardKey } from '../../records/shard.ts';
import { stopwatch } from '../awake.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { EvaluationPart } from '../evaluate/evaluation.ts';
import { partOf } from '../evaluate/parts.ts';
import { timesOf } from './cell-record.ts';
import type { JobContext } from './context.ts';
import type { CellJob, ShardJob } from './job.ts';
import { evaluationOf, withMaterial } from './material.ts';
import { peakMemoryMb, provenance } from './provenance.ts';

/** The job of a range of a cell's images. */
export function shardOf({ key: cell, shards: _, ...parts }: CellJob, range: ImageRange): ShardJob {
  return { ...parts, kind: 'shard', key: shardKey(cell, range), cell, range };
}

/** What it found is in the shard's checkpoint, its record says that this is all. */
export async function runShard(job: ShardJob, context: JobContext): Promise<ShardRecord> {
  const { key, cell, range, clean } = job;
  const { threat } = job;
  if (clean === undefined || threat.kind === 'corruption') throw new RampartError(`[cell ${cell}] a cell without an attack has no shards`);
  const { store, engine, batchSize } = context;
  const started = provenance(engine);
  const times = await withMaterial(job, context, async (material) => {
    const watch = stopwatch();
    const whole = await evaluationOf({ ...job, threat }, clean, context, material);
    const { earlier } = await evaluate({ ...partOf(whole, range), checkpoint: store.checkpoint('shard', key) });
    return timesOf(earlier.wallMs + watch.ms, earlier.suspendedMs + watch.suspendedMs);
  });
  const made = { ...times, batchSize, peakMemoryMb: peakMemoryMb(), provenance: started };
  const record: ShardRecord = { schema: 1, kind: 'shard', key, status: 'done', cell, ...range, ...made };
  await store.writeRecord(record);
  return record;
}

/** The parts that shards have left in the store. */
export function partsOf(cell: string, ranges: readonly ImageRange[], { store }: JobContext): EvaluationPart[] {
  return ranges.map((range) => ({ range, state: store.checkpoint('shard', shardKey(cell, range)) }));
}

/** The record of a cell with where and in what time its shards were made. */
export async function withShards(record: AnyCellRecord, ranges: readonly ImageRange[], { store }: JobContext): Promise<AnyCellRecord> {
  const shards = await Promise.all(ranges.map((range) => store.record('shard', shardKey(record.key, range))));
  const done = shards.flatMap((shard) => (shard?.status === 'done' ? [shard] : []));
  if (done.length < ranges.length) throw new RampartError(`[cell ${record.key}] a shard is not there`, { remedy: 'run the suite again' });
  const wallMs = done.reduce((sum, shard) => sum + shard.wallMs, record.wallMs);
  const suspendedMs = [record, ...done].reduce((sum, each) => sum + (each.suspendedMs ?? 0), 0);
  return {
    ...record,
    ...timesOf(wallMs, suspendedMs),
    batchSize: Math.min(...done.map(({ batchSize }) => batchSize)),
    imagesPerSecond: Math.round((100_000 * record.n) / wallMs) / 100,
    peakMemoryMb: Math.max(...done.map(({ peakMemoryMb }) => peakMemoryMb)),
    shards: done.map(({ from, count, wallMs, provenance }) => ({ from, count, wallMs, provenance })),
  };
}
