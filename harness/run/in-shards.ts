/** The shards of one cell: all of them, or the first failure, which stops the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageRange, ShardRecord } from '../../records/shard.ts';
import type { CellJob, ShardJob } from '../job/job.ts';
import { shardOf } from '../job/run-shard.ts';
import type { Attempt } from './attempt.ts';
import { shownRange } from './cuts.ts';

/** How often it is looked whether a worker of a run that is gone has ended a shard. */
const POLL_MS = 300;

type Failed = Extract<Attempt, { is: 'failure' }>;

export interface ShardSteps {
  /** Does a shard when its turn has come. Rejects with the reason of `signal`, and with what ends the run. */
  attempt(shard: ShardJob, signal: AbortSignal): Promise<Attempt<ShardRecord>>;
  ended(range: ImageRange, record?: ShardRecord): void;
}

/** Resolves with undefined when every shard is done. Rejects with the reason of `signal`. */
export async function doShards(
  job: CellJob,
  ranges: readonly ImageRange[],
  signal: AbortSignal,
  { attempt, ended }: ShardSteps,
): Promise<Failed | undefined> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let failed: Failed | undefined;
  const one = async (range: ImageRange): Promise<void> => {
    const tried = await persistently(() => attempt(shardOf(job, range), either), either).catch((error: unknown) => {
      ended(range);
      throw error;
    });
    ended(range, tried.is === 'record' ? tried.record : undefined);
    const failure = failureIn(tried);
    if (!failure) return;
    const { error, provenance } = failure;
    failed ??= { is: 'failure', error: { ...error, message: `${shownRange(range)}: ${error.message}` }, provenance };
    stop.abort(new Error('another shard of the cell failed'));
  };
  const all = await Promise.allSettled(ranges.map(one));
  signal.throwIfAborted();
  const broken = all.find((each) => each.status === 'rejected');
  if (broken && !failed) throw broken.reason;
  return failed;
}

async function persistently(attempt: () => Promise<Attempt<ShardRecord>>, signal: AbortSignal): Promise<Attempt<ShardRecord>> {
  for (;;) {
    const tried = await attempt();
    if (tried.is !== 'elsewhere') return tried;
    await sleep(POLL_MS, undefined, { signal });
  }
}

function failureIn(tried: Attempt<ShardRecord>): Failed | undefined {
  if (tried.is === 'failure') return tried;
  if (tried.is !== 'record' || !tried.record.error) return undefined;
  return { is: 'failure', error: tried.record.error, provenance: tried.record.provenance };
}
