/** Performs one job: trains or attacks with what the context offers, and answers through the store alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RampartError } from '../../errors.ts';
import { canonicalJson } from '../../records/hash.ts';
import type { JobRecord } from '../../records/record-file.ts';
import { type Claim, StoreError } from '../../records/store.ts';
import { whole } from '../../records/whole.ts';
import { CLEAN, CORRUPTED } from '../suite/suite.ts';
import type { JobContext } from './context.ts';
import { engineIdentity, inTraining } from './engine.ts';
import { failedRecord, failureOf, OutOfMemory } from './failures.ts';
import { isNetwork, type Job } from './job.ts';
import { provenance } from './provenance.ts';
import { runCell } from './run-cell.ts';
import { runModel } from './run-model.ts';
import { runShard } from './run-shard.ts';

/**
 * Resolves with the record that is in the store: of a job that is done, or of one that failed, with the reason and where that was.
 * Rejects with a StoreError where the store fails, with the reason of the context's signal, and with OutOfMemory where smaller passes
 * may do: the job goes on from its checkpoint.
 */
export async function perform(job: Job, context: JobContext): Promise<JobRecord> {
  for (;;) {
    const work = await alone(job, context);
    const signal = AbortSignal.any([context.signal, ...(work.lost ? [work.lost] : [])]);
    try {
      // another one that did the job may have ended since this one was asked to
      const made = await whole(await context.store.record(job.kind, job.key), context.store);
      return made ?? (await performAlone(job, { ...context, signal }));
    } catch (error) {
      // frozen for so long that another one has begun: it writes what this one would
      if (!work.lost?.aborted || context.signal.aborted) throw error;
    } finally {
      await work.release();
    }
  }
}

/** How often a worker looks whether another one of the same job is gone. */
const POLL_MS = 100;

/** Waits until nobody else works at the job: a worker whose run was killed or that was cut off may need a while to notice, and would write over what is done here. */
async function alone({ kind, key }: Job, { store, signal }: JobContext): Promise<Claim> {
  for (;;) {
    signal.throwIfAborted();
    const work = await store.work(kind, key);
    if (work) return work;
    await sleep(POLL_MS);
  }
}

async function performAlone(job: Job, context: JobContext): Promise<JobRecord> {
  const { registry, store, engine, signal } = context;
  try {
    signal.throwIfAborted();
    refuseOthers(job, context);
    if (job.kind === 'model') return await runModel(job, context);
    return await (job.kind === 'cell' ? runCell(job, context) : runShard(job, context));
  } catch (error) {
    if (error instanceof StoreError || signal.aborted) throw error;
    const failure = failureOf(error);
    if (failure.kind === 'memory' && job.kind !== 'model' && context.batchSize > 1) throw new OutOfMemory(failure.message);
    const record = failedRecord(job, registry, failure, provenance(job.kind === 'model' ? inTraining(engine) : engine));
    await store.writeRecord(record);
    return record;
  }
}

/** A result under a key is one of the engine and of the plug-ins that the key says, and of no others. */
function refuseOthers(job: Job, { engine, registry }: JobContext): void {
  const here = engineIdentity(engine);
  if (canonicalJson(here) !== canonicalJson(job.engine))
    throw new RampartError(`[engine ${job.engine.name}] expected ${describe(job.engine)}, got ${describe(here)}`, {
      remedy: 'run the suite again, on machines with the same engine',
    });
  const changed = (name: string) =>
    new RampartError(`[plugin ${name}] is not what the run was planned with: its file changed`, { remedy: 'run the suite again' });
  if (job.kind === 'model' && isNetwork(job.origin) && registry.archRef(job.arch.name).source !== job.arch.source)
    throw changed(job.arch.name);
  const pluginOf = (name: string) => (job.kind === 'model' ? registry.defense(name) : registry.attack(name));
  const named = job.kind !== 'model' ? job.attack.plugin : 'defense' in job.origin ? job.origin.defense : undefined;
  for (const [ref, plugin] of [
    [job.data.plugin, registry.dataset(job.data.plugin.name)] as const,
    ...(named && named.name !== CLEAN.name && named.name !== CORRUPTED.name ? [[named, pluginOf(named.name)] as const] : []),
  ]) {
    const here = registry.ref(plugin, ref.params);
    if (here.source !== ref.source) throw changed(ref.name);
    if (here.inner?.source !== ref.inner?.source) throw changed(ref.inner?.name ?? ref.name);
  }
}

function describe({ name, version, device, threads, precision }: Job['engine']): string {
  return `${name} ${version} on ${device}${threads === undefined ? '' : ` with ${threads} threads`}${precision ? ` in ${precision}` : ''}`;
}
