/** Works through a plan: what is done is reused, what is ready runs on a free device, longest chain first, and a failure costs only what needs it. */
import { setMaxListeners } from 'node:events';
import { setImmediate as everyoneReady, setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Provenance, RampartRecord } from '../../records/record.ts';
import type { ImageRange, ShardRecord } from '../../records/shard.ts';
import { type Store, StoreError } from '../../records/store.ts';
import { whole } from '../../records/whole.ts';
import type { JobProgress } from '../job/context.ts';
import type { EngineRef } from '../job/engine.ts';
import { type Failure, failedRecord, failureOf, OutOfMemory } from '../job/failures.ts';
import type { CellJob, Job, ModelJob, ShardJob } from '../job/job.ts';
import type { Registry } from '../suite/registry.ts';
import type { Attempt, RecordOf, State } from './attempt.ts';
import type { BatchSizes } from './batch-sizes.ts';
import { type Executor, JobError, type Machines, type Task } from './executor.ts';
import { doShards } from './in-shards.ts';
import { nameOf, type Plan, type Planned, type PlannedCell, priorities } from './plan.ts';
import { Ready } from './ready.ts';
import { jobOf } from './reuse.ts';

/** How often a run looks whether another one has done a job that both need. */
const POLL_MS = 300;

/** Hears what happens, for the terminal. */
export interface RunListener {
  /** `range`: of a shard of it. */
  started?(planned: Planned, device: string, range?: ImageRange): void;
  progress?(planned: Planned, progress: JobProgress, range?: ImageRange): void;
  /** A shard of it ended; without a record, it was stopped. */
  shard?(planned: PlannedCell, range: ImageRange, record?: ShardRecord): void;
  finished?(planned: Planned, state: State, record: RampartRecord): void;
  /** What a user should know, though the run goes on. */
  note?(text: string): void;
}

export interface ScheduleOptions {
  readonly plan: Plan;
  readonly store: Store;
  /** What need not run, by id. */
  readonly known: ReadonlyMap<string, RampartRecord>;
  readonly registry: Registry;
  readonly executor: Executor;
  /** One engine per slot; slots differ in their device only. */
  readonly slots: readonly EngineRef[];
  /** Where one slot stands for those of many machines: tells how many jobs may be handed out at a time, before it resolves and whenever that changes. */
  readonly room?: Machines['room'];
  readonly batchSizes: BatchSizes;
  /** Ranges of a cell's images to attack apart; undefined where it is done in one piece. */
  cut?(planned: PlannedCell, job: CellJob): Promise<ImageRange[] | undefined>;
  /** For the records of failures that no worker could write. */
  readonly provenance: (slot?: EngineRef) => Provenance;
  readonly signal: AbortSignal;
  readonly listener?: RunListener;
}

export interface Finished {
  readonly planned: Planned;
  readonly state: State;
  readonly record: RampartRecord;
}

/** Resolves with every job of the plan in its order. Rejects when the store fails, or with the reason of `signal`, after the running jobs have ended. */
export async function schedule(options: ScheduleOptions): Promise<Finished[]> {
  return new Schedule(options).run();
}

class Schedule {
  readonly #options: ScheduleOptions;
  readonly #priority: ReadonlyMap<string, number>;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #free: EngineRef[];
  /** Starts of the jobs that wait for a slot. */
  readonly #ready = new Ready<(slot: EngineRef) => Promise<void>>();
  readonly #outcomes = new Map<string, Promise<Finished>>();
  readonly #finished = new Map<string, Finished>();
  readonly #abort = new AbortController();

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#priority = priorities(options.plan);
    this.#limit = pLimit(options.slots.length);
    this.#free = [...options.slots];
    setMaxListeners(0, this.#abort.signal); // every job that runs listens
  }

  async run(): Promise<Finished[]> {
    const { signal, plan } = this.#options;
    const stop = () => this.#abort.abort(signal.reason);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    await this.#options.room?.((jobs) => {
      this.#limit.concurrency = Math.max(1, jobs);
    });
    // a plan names what a job needs before the job
    for (const planned of [...plan.models, ...plan.cells]) this.#outcomes.set(planned.id, this.#outcome(planned));
    const ended = await Promise.allSettled(this.#outcomes.values());
    signal.removeEventListener('abort', stop);
    this.#abort.signal.throwIfAborted();
    return ended.flatMap((e) => (e.status === 'fulfilled' ? [e.value] : []));
  }

  /** Waits for what the job needs, and does it unless that is known to be unnecessary or impossible. Whatever it throws ends the run. */
  async #outcome(planned: Planned): Promise<Finished> {
    try {
      const needs = await Promise.all(planned.needs.map((id) => this.#outcomes.get(id)));
      this.#abort.signal.throwIfAborted();
      const known = this.#options.known.get(planned.id);
      if (known) return await this.#keep(planned, 'reused', known);
      const job = jobOf(planned, (id) => this.#finished.get(id)?.record);
      const failed = needs.find((need) => need?.state === 'failed');
      if (failed) return await this.#fail(planned, job, dependency(failed), this.#options.provenance());
      return await this.#perform(planned, job);
    } catch (error) {
      this.#abort.abort(error);
      throw error;
    }
  }

  async #perform(planned: Planned, job: ModelJob | CellJob): Promise<Finished> {
    const { cut } = this.#options;
    for (let told = false; ; told = true) {
      const ranges = planned.kind === 'cell' && job.kind === 'cell' ? await cut?.(planned, job) : undefined;
      const attempt = ranges
        ? await this.#attemptInShards(planned as PlannedCell, job as CellJob, ranges)
        : await this.#inSlot(planned, (slot) => this.#attempt(planned, job, slot));
      if (attempt.is === 'record') return this.#keep(planned, attempt.state, attempt.record);
      if (attempt.is === 'failure') return this.#fail(planned, job, attempt.error, attempt.provenance);
      if (!told) this.#options.listener?.note?.(`${nameOf(planned)} is being done by another run in this folder: waiting for it`);
      await sleep(POLL_MS, undefined, { signal: this.#abort.signal });
    }
  }

  /** Attacks each range of the cell's images, and puts together what was found. */
  async #attemptInShards(planned: PlannedCell, job: CellJob, ranges: readonly ImageRange[]): Promise<Attempt> {
    const { listener } = this.#options;
    const run = this.#abort.signal;
    const attempt = (shard: ShardJob, signal: AbortSignal) =>
      this.#inSlot(planned, (slot) =>
        this.#attempt(planned, shard, slot, signal).catch((error: unknown) => {
          if (!signal.aborted || run.aborted) throw error;
          return { is: 'elsewhere' } as const; // stopped, with the cell and not with the run
        }),
      );
    return this.#claimed(planned, job, async () => {
      const ended = (range: ImageRange, record?: ShardRecord) => listener?.shard?.(planned, range, record);
      const failed = await doShards(job, ranges, run, { attempt, ended });
      return failed ?? this.#inSlot(planned, (slot) => this.#execute(planned, { ...job, shards: ranges }, slot));
    });
  }

  #behind({ id }: Planned): number {
    return this.#priority.get(id) ?? 0;
  }

  /** Runs `body` once a slot is free and no job with more work behind it waits. */
  #inSlot<T>(planned: Planned, body: (slot: EngineRef) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => {
        this.#abort.abort(error); // before the slot is free, or another job would start
        reject(error);
      };
      this.#ready.add((slot) => body(slot).then(resolve, failed), this.#behind(planned));
      // a turn is not always of the one who asked for it, but there are as many as ask
      void this.#limit(async () => {
        await everyoneReady(); // at this moment, not only the first of them to say so
        const start = this.#ready.take();
        const slot = this.#free.pop() ?? (this.#options.slots[0] as EngineRef);
        await start?.(slot);
        this.#free.push(slot);
      });
    });
  }

  async #attempt<J extends Job>(planned: Planned, job: J, slot: EngineRef, signal = this.#abort.signal): Promise<Attempt<RecordOf<J>>> {
    signal.throwIfAborted();
    return this.#claimed(planned, job, () => this.#execute(planned, job, slot, signal));
  }

  /** Does the job unless another run does it, or has done it since this one began. */
  async #claimed<J extends Job>(planned: Planned, job: J, work: () => Promise<Attempt<RecordOf<J>>>): Promise<Attempt<RecordOf<J>>> {
    const { store } = this.#options;
    const claim = await store.claim(job.kind, job.key);
    if (!claim) return { is: 'elsewhere' };
    try {
      const known = await whole(await this.#recordOf(job), store);
      return known ? { is: 'record', state: this.#stateOf(planned), record: known } : await work();
    } finally {
      await claim.release();
    }
  }

  /** Of what has a record before it was begun: a training of this run may have made it beside its own model. */
  #stateOf({ kind, needs }: Planned): State {
    return kind === 'model' && needs.some((id) => this.#finished.get(id)?.state === 'done') ? 'done' : 'reused';
  }

  #recordOf<J extends Job>({ kind, key }: J): Promise<RecordOf<J> | undefined> {
    return this.#options.store.record(kind, key) as Promise<RecordOf<J> | undefined>;
  }

  /** With passes as large as fit in memory. */
  async #execute<J extends Job>(planned: Planned, job: J, slot: EngineRef, signal = this.#abort.signal): Promise<Attempt<RecordOf<J>>> {
    const { listener, batchSizes } = this.#options;
    listener?.started?.(planned, slot.device, rangeOf(job));
    for (;;) {
      const batchSize = batchSizes.of(planned);
      const attempt = await this.#tryOnce(planned, job, batchSize, slot, signal);
      const ranOut = attempt.is === 'failure' && attempt.error.kind === 'memory';
      if (!ranOut || !batchSizes.tooMany(planned, batchSize)) return attempt;
      const next = `${nameOf(planned)} goes on with ${batchSizes.of(planned)}`;
      listener?.note?.(`${batchSize} images a pass were too many for the memory: ${next}`);
    }
  }

  async #tryOnce<J extends Job>(
    planned: Planned,
    job: J,
    batchSize: number,
    slot: EngineRef,
    signal: AbortSignal,
  ): Promise<Attempt<RecordOf<J>>> {
    const { executor, store, listener, provenance } = this.#options;
    const task: Task = { job, batchSize, behind: this.#behind(planned) };
    try {
      await executor.run(task, slot, signal, {
        progress: (progress) => listener?.progress?.(planned, progress, rangeOf(job)),
        note: (text) => listener?.note?.(text),
      });
    } catch (cause) {
      if (cause instanceof OutOfMemory) return { is: 'failure', error: failureOf(cause), provenance: provenance(slot) };
      if (!(cause instanceof JobError)) throw cause;
      if (cause.fatal) throw new StoreError(cause.message, { cause });
      // one that died after it wrote its record has done its job
      const made = await whole(await this.#recordOf(job), store);
      if (made) return { is: 'record', state: 'done', record: made };
      const { kind, message } = cause;
      return { is: 'failure', error: { kind, message }, provenance: cause.provenance ?? provenance(slot) };
    }
    const record = await this.#recordOf(job);
    if (record) return { is: 'record', state: record.status, record };
    return { is: 'failure', error: { kind: 'error', message: 'the worker wrote no record' }, provenance: provenance(slot) };
  }

  /** Takes away the checkpoint of what is done, and what it was put together of: whoever wrote the record may have been killed before that. */
  async #keep(planned: Planned, state: State, record: RampartRecord): Promise<Finished> {
    const { store } = this.#options;
    if (record.status === 'done') await store.checkpoint(record.kind, record.key).drop();
    if (record.kind === 'cell' && record.shards) await store.removeShards(record.key);
    return this.#finish(planned, state, record);
  }

  async #fail(planned: Planned, job: ModelJob | CellJob, error: Failure, provenance: Provenance): Promise<Finished> {
    const { registry, store } = this.#options;
    const record = failedRecord(job, registry, error, provenance) as RampartRecord;
    await store.writeRecord(record);
    return this.#finish(planned, 'failed', record);
  }

  #finish(planned: Planned, state: State, record: RampartRecord): Finished {
    const finished = { planned, state, record };
    this.#finished.set(planned.id, finished);
    this.#options.listener?.finished?.(planned, state, record);
    return finished;
  }
}

const rangeOf = (job: Job) => (job.kind === 'shard' ? job.range : undefined);

function dependency({ planned, record }: Finished): Failure {
  const message = `${planned.kind} ${nameOf(planned)} failed: ${record.error?.message ?? 'no reason given'}`;
  return { kind: 'dependency', message };
}
