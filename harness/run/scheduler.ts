/** Works through a plan: what is done is reused, what is ready runs on a free device, longest chain first, and a failure costs only what needs it. */
import { setMaxListeners } from 'node:events';
import { setImmediate as everyoneReady, setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Provenance, RampartRecord } from '../../records/record.ts';
import { type Store, StoreError } from '../../records/store.ts';
import { whole } from '../../records/whole.ts';
import type { JobProgress } from '../job/context.ts';
import type { EngineRef } from '../job/engine.ts';
import { type Failure, failedRecord, failureOf, OutOfMemory } from '../job/failures.ts';
import type { Job } from '../job/job.ts';
import type { Registry } from '../suite/registry.ts';
import type { BatchSizes } from './batch-sizes.ts';
import { type Executor, JobError, type Task } from './executor.ts';
import { nameOf, type Plan, type Planned, priorities } from './plan.ts';
import { jobOf } from './reuse.ts';

/** How often a run looks whether another one has done a job that both need. */
const POLL_MS = 300;

export type State = 'reused' | 'done' | 'failed';

/** Hears what happens, for the terminal. */
export interface RunListener {
  started?(planned: Planned, device: string): void;
  progress?(planned: Planned, progress: JobProgress): void;
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
  readonly batchSizes: BatchSizes;
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

/** What came of an attempt at a job. */
type Attempt =
  | { readonly is: 'record'; readonly state: State; readonly record: RampartRecord }
  | { readonly is: 'failure'; readonly error: Failure; readonly provenance: Provenance }
  | { readonly is: 'elsewhere' };

/** Resolves with every job of the plan in its order. Rejects when the store fails, or with the reason of `signal`, after the running jobs have ended. */
export async function schedule(options: ScheduleOptions): Promise<Finished[]> {
  return new Schedule(options).run();
}

class Schedule {
  readonly #options: ScheduleOptions;
  readonly #priority: ReadonlyMap<string, number>;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #free: EngineRef[];
  /** Jobs that wait for a slot. */
  readonly #ready = new Map<Planned, (slot: EngineRef) => Promise<void>>();
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

  async #perform(planned: Planned, job: Job): Promise<Finished> {
    for (let told = false; ; told = true) {
      const attempt = await this.#inSlot(planned, (slot) => this.#attempt(planned, job, slot));
      if (attempt.is === 'record') return this.#keep(planned, attempt.state, attempt.record);
      if (attempt.is === 'failure') return this.#fail(planned, job, attempt.error, attempt.provenance);
      if (!told) this.#options.listener?.note?.(`${nameOf(planned)} is being done by another run in this folder: waiting for it`);
      await sleep(POLL_MS, undefined, { signal: this.#abort.signal });
    }
  }

  /** Runs `body` once a slot is free and no job with more work behind it waits. */
  #inSlot<T>(planned: Planned, body: (slot: EngineRef) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => {
        this.#abort.abort(error); // before the slot is free, or another job would start
        reject(error);
      };
      this.#ready.set(planned, (slot) => body(slot).then(resolve, failed));
      // a turn is not always of the one who asked for it, but there are as many as ask
      void this.#limit(async () => {
        await everyoneReady(); // at this moment, not only the first of them to say so
        const first = this.#longest();
        const start = this.#ready.get(first);
        this.#ready.delete(first);
        const slot = this.#free.pop() as EngineRef;
        await start?.(slot);
        this.#free.push(slot);
      });
    });
  }

  #longest(): Planned {
    const behind = ({ id }: Planned) => this.#priority.get(id) ?? 0;
    return [...this.#ready.keys()].reduce((a, b) => (behind(b) > behind(a) ? b : a));
  }

  /** Does the job unless another run does it, or has done it since this one began. */
  async #attempt(planned: Planned, job: Job, slot: EngineRef): Promise<Attempt> {
    this.#abort.signal.throwIfAborted();
    const { store } = this.#options;
    const claim = await store.claim(job.kind, job.key);
    if (!claim) return { is: 'elsewhere' };
    try {
      const known = await whole(await store.record(job.kind, job.key), store);
      return known ? { is: 'record', state: this.#stateOf(planned), record: known } : await this.#execute(planned, job, slot);
    } finally {
      await claim.release();
    }
  }

  /** Of what has a record before it was begun: a training of this run may have made it beside its own model. */
  #stateOf({ kind, needs }: Planned): State {
    return kind === 'model' && needs.some((id) => this.#finished.get(id)?.state === 'done') ? 'done' : 'reused';
  }

  /** With passes as large as fit in memory. */
  async #execute(planned: Planned, job: Job, slot: EngineRef): Promise<Attempt> {
    const { listener, batchSizes } = this.#options;
    listener?.started?.(planned, slot.device);
    for (;;) {
      const batchSize = batchSizes.of(planned);
      const attempt = await this.#tryOnce(planned, { job, batchSize, behind: this.#priority.get(planned.id) ?? 0 }, slot);
      const ranOut = attempt.is === 'failure' && attempt.error.kind === 'memory';
      if (!ranOut || !batchSizes.tooMany(planned, batchSize)) return attempt;
      const next = `${nameOf(planned)} goes on with ${batchSizes.of(planned)}`;
      listener?.note?.(`${batchSize} images a pass were too many for the memory: ${next}`);
    }
  }

  async #tryOnce(planned: Planned, task: Task, slot: EngineRef): Promise<Attempt> {
    const { executor, store, listener, provenance } = this.#options;
    const { job } = task;
    try {
      await executor.run(task, slot, this.#abort.signal, {
        progress: (progress) => listener?.progress?.(planned, progress),
        note: (text) => listener?.note?.(text),
      });
    } catch (cause) {
      if (cause instanceof OutOfMemory) return { is: 'failure', error: failureOf(cause), provenance: provenance(slot) };
      if (!(cause instanceof JobError)) throw cause;
      if (cause.fatal) throw new StoreError(cause.message, { cause });
      // one that died after it wrote its record has done its job
      const made = await whole(await store.record(job.kind, job.key), store);
      if (made) return { is: 'record', state: 'done', record: made };
      const { kind, message } = cause;
      return { is: 'failure', error: { kind, message }, provenance: cause.provenance ?? provenance(slot) };
    }
    const record = await store.record(job.kind, job.key);
    if (record) return { is: 'record', state: record.status, record };
    return { is: 'failure', error: { kind: 'error', message: 'the worker wrote no record' }, provenance: provenance(slot) };
  }

  /** Takes away the checkpoint of what is done: whoever wrote the record may have been killed before that. */
  async #keep(planned: Planned, state: State, record: RampartRecord): Promise<Finished> {
    if (record.status === 'done') await this.#options.store.checkpoint(record.kind, record.key).drop();
    return this.#finish(planned, state, record);
  }

  async #fail(planned: Planned, job: Job, error: Failure, provenance: Provenance): Promise<Finished> {
    const { registry, store } = this.#options;
    const record = failedRecord(job, registry, error, provenance);
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

function dependency({ planned, record }: Finished): Failure {
  const message = `${planned.kind} ${nameOf(planned)} failed: ${record.error?.message ?? 'no reason given'}`;
  return { kind: 'dependency', message };
}
