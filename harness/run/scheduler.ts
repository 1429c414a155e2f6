/** Works through a plan: what is done is reused, what is ready runs on a free device, longest chain first, and a failure costs only what needs it. */
import pLimit from 'p-limit';
import { type Store, StoreError } from '../../records/folder-store.ts';
import type { Provenance, RampartRecord } from '../../records/record.ts';
import type { JobProgress } from '../job/context.ts';
import { type Failure, failedCell, failedModel } from '../job/failures.ts';
import type { EngineRef, Job } from '../job/job.ts';
import type { Registry } from '../suite/registry.ts';
import { type Executor, JobError } from './executor.ts';
import { type Plan, type Planned, priorities } from './plan.ts';

export type State = 'reused' | 'done' | 'failed';

/** Hears what happens, for the terminal. */
export interface RunListener {
  started?(planned: Planned, device: string): void;
  progress?(planned: Planned, progress: JobProgress): void;
  finished?(planned: Planned, state: State, record: RampartRecord): void;
}

export interface ScheduleOptions {
  readonly plan: Plan;
  readonly store: Store;
  readonly registry: Registry;
  readonly executor: Executor;
  /** One engine per slot; slots differ in their device only. */
  readonly slots: readonly EngineRef[];
  /** For the records of failures. */
  readonly provenance: () => Provenance;
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
  const order: Planned[] = [...options.plan.models, ...options.plan.cells];
  const finished = await new Schedule(options, order).run();
  return order.flatMap(({ id }) => finished.get(id) ?? []);
}

class Schedule {
  readonly #options: ScheduleOptions;
  readonly #order: readonly Planned[];
  readonly #priority: ReadonlyMap<string, number>;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #free: EngineRef[];
  readonly #ready: { planned: Planned; job: Job }[] = [];
  readonly #finished = new Map<string, Finished>();
  readonly #missing = new Map<string, Set<string>>();
  readonly #abort = new AbortController();

  constructor(options: ScheduleOptions, order: readonly Planned[]) {
    this.#options = options;
    this.#order = order;
    this.#priority = priorities(options.plan);
    this.#limit = pLimit(options.slots.length);
    this.#free = [...options.slots];
    for (const planned of order) this.#missing.set(planned.id, new Set(planned.needs));
  }

  async run(): Promise<Map<string, Finished>> {
    const { signal } = this.#options;
    const stop = () => this.#abort.abort(signal.reason);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      await this.#startAll(this.#order.filter(({ id }) => this.#missing.get(id)?.size === 0));
      this.#abort.signal.throwIfAborted();
      return this.#finished;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Everything that could start now, and in turn whatever that makes possible. Never rejects: a fatal error aborts the rest. */
  async #startAll(planned: readonly Planned[]): Promise<void> {
    try {
      // all are looked up before any runs: the first to be found must not take a slot from a longer one
      const waiting = await Promise.all(planned.map(async (p) => ({ planned: p, known: await this.#lookUp(p) })));
      for (const { planned: p, known } of waiting) if (!known) this.#ready.push({ planned: p, job: this.#jobOf(p) });
      const stop = (error: unknown) => this.#abort.abort(error);
      // each on its own, so that the run ends when the last running job has
      await Promise.all(waiting.map(({ planned: p, known }) => (known ? known(p) : this.#takeTurn()).catch(stop)));
    } catch (error) {
      this.#abort.abort(error);
    }
  }

  /** What is known of a job without running it: that it is done, or that it cannot be. */
  async #lookUp(planned: Planned): Promise<((p: Planned) => Promise<void>) | undefined> {
    this.#abort.signal.throwIfAborted();
    const job = this.#jobOf(planned);
    const failed = planned.needs.map((id) => this.#finished.get(id)).find((f) => f?.state === 'failed');
    if (failed) {
      const what = failed.planned.kind === 'model' ? 'model' : 'cell';
      const message = `${what} ${describe(failed.planned)} failed: ${failed.record.error?.message ?? 'no reason given'}`;
      return (p) => this.#fail(p, job, { kind: 'dependency', message });
    }
    const known = await this.#options.store.record(job.kind, job.key);
    return known?.status === 'done' ? (p) => this.#finish(p, 'reused', known) : undefined;
  }

  /** Waits for a slot, and does what follows from the job that ran in it. */
  async #takeTurn(): Promise<void> {
    const outcome = await this.#limit(() => this.#runNext());
    // outside the slot, which is free for others by now
    if (outcome?.error) await this.#fail(outcome.planned, outcome.job, outcome.error);
    else if (outcome?.record) await this.#finish(outcome.planned, 'done', outcome.record);
  }

  #jobOf(planned: Planned): Job {
    if (planned.kind === 'model') return planned.job;
    const record = (id: string) => this.#finished.get(id)?.record;
    const weightsHash = (key: string) => {
      const model = record(key);
      return model?.kind === 'model' ? model.weightsHash : '';
    };
    return planned.job(weightsHash, (id) => record(id)?.key ?? '');
  }

  /** The job that is ready with the most work behind it has its turn: not always the one that asked for the slot. */
  async #runNext(): Promise<{ planned: Planned; job: Job; error?: Failure; record?: RampartRecord } | undefined> {
    const weight = ({ planned }: { planned: Planned }) => this.#priority.get(planned.id) ?? 0;
    this.#ready.sort((a, b) => weight(b) - weight(a));
    const next = this.#ready.shift();
    if (!next || this.#abort.signal.aborted) return undefined;
    const { planned, job } = next;
    const { executor, store, listener } = this.#options;
    const slot = this.#free.pop() as EngineRef;
    listener?.started?.(planned, slot.device);
    try {
      await executor.run(job, slot, this.#abort.signal, (progress) => listener?.progress?.(planned, progress));
    } catch (cause) {
      if (!(cause instanceof JobError) || cause.fatal) {
        const error = cause instanceof JobError ? new StoreError(cause.message, { cause }) : cause;
        this.#abort.abort(error); // before the slot is free, or another job would start
        throw error;
      }
      return { ...next, error: { kind: cause.kind, message: cause.message } };
    } finally {
      this.#free.push(slot);
    }
    const record = await store.record(job.kind, job.key);
    if (record?.status !== 'done') return { ...next, error: { kind: 'error', message: 'the worker wrote no record' } };
    return { ...next, record };
  }

  async #fail(planned: Planned, job: Job, error: Failure): Promise<void> {
    const { registry, store, provenance } = this.#options;
    const record = job.kind === 'model' ? failedModel(job, registry, error, provenance()) : failedCell(job, registry, error, provenance());
    await store.writeRecord(record);
    await this.#finish(planned, 'failed', record);
  }

  /** Notes the outcome and starts what waited for it. */
  async #finish(planned: Planned, state: State, record: RampartRecord): Promise<void> {
    this.#finished.set(planned.id, { planned, state, record });
    this.#options.listener?.finished?.(planned, state, record);
    const next = this.#order.filter(({ id, needs }) => {
      if (!needs.includes(planned.id)) return false;
      const missing = this.#missing.get(id);
      missing?.delete(planned.id);
      return missing?.size === 0;
    });
    await this.#startAll(next);
  }
}

function describe(planned: Planned): string {
  return planned.kind === 'model' ? planned.job.name : `${planned.label} on ${planned.model.job.name}`;
}
