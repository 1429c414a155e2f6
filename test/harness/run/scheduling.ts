import type { Job } from '../../../harness/job/job.ts';
import { BatchSizes } from '../../../harness/run/batch-sizes.ts';
import { type Executor, JobError } from '../../../harness/run/executor.ts';
import { reusable } from '../../../harness/run/reuse.ts';
import { type ScheduleOptions, schedule } from '../../../harness/run/scheduler.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { RampartRecord } from '../../../records/record.ts';
import type { Store } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { doneRecord, somewhere } from '../records.ts';
import { cpuEngine, planFor } from './plans.ts';

export const named = (job: Job) => (job.kind === 'model' ? job.name : `${job.attack.label} on ${job.model.name}`);

/** A model that can be reused has its weights in the store. */
export async function withWeights(store: Store, record: RampartRecord): Promise<RampartRecord> {
  return record.kind === 'model' ? { ...record, weightsHash: await store.putArtifact(Buffer.from(record.key)) } : record;
}

/** Does jobs in this process: leaves a record, or does what `act` says for a job of that name. */
export async function setting(
  slots = 1,
  act: Record<string, (store: Store, job: Job, batchSize: number) => unknown> = {},
  changes: Record<string, string> = {},
  room?: ScheduleOptions['room'],
) {
  const { plan, registry } = await planFor(changes);
  const store = new FolderStore(freshFolder());
  const started: string[] = [];
  const abort = new AbortController();
  let running = 0;
  let most = 0;
  const executor: Executor = {
    async run({ job, batchSize }, _engine, signal) {
      started.push(named(job));
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 2));
      try {
        signal.throwIfAborted();
        await act[named(job)]?.(store, job, batchSize);
        await store.writeRecord(await withWeights(store, doneRecord(job, registry)));
      } finally {
        running--;
      }
    },
    close: async () => undefined,
  };
  const notes: string[] = [];
  const run = async () =>
    schedule({
      plan,
      store,
      known: await reusable(plan, await store.records(), store),
      registry,
      executor,
      slots: Array.from({ length: slots }, () => cpuEngine),
      batchSizes: new BatchSizes({ given: 8, slots: [cpuEngine] }),
      provenance: () => somewhere,
      signal: abort.signal,
      listener: { note: (text) => notes.push(text) },
      ...(room && { room }),
    });
  return { run, started, abort, store, notes, most: () => most };
}

/** Where the worker of a failure was. */
export const elsewhere = { ...somewhere, host: { ...somewhere.host, cpu: 'of another machine' } };

/** Waits until `there` holds. */
export async function until(there: () => boolean): Promise<void> {
  while (!there()) await new Promise((next) => setTimeout(next, 5));
}

export const fails =
  (kind: 'error' | 'killed', message: string, fatal = false) =>
  () => {
    throw new JobError({ kind, message }, { fatal, provenance: elsewhere });
  };
