/** A worker of a queue: takes jobs that its engine can do, one for each slot, and has each performed in a process of its own. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job as BullJob, Worker } from 'bullmq';
import { canonicalJson } from '../../../records/hash.ts';
import { deviceOf } from '../../../records/record.ts';
import type { Store } from '../../../records/store.ts';
import { whole } from '../../../records/whole.ts';
import type { JobProgress } from '../../job/context.ts';
import { type EngineRef, engineIdentity } from '../../job/engine.ts';
import type { Job, PluginFiles, RunSettings } from '../../job/job.ts';
import { gitRevision, packageVersion, provenance } from '../../job/provenance.ts';
import { shownRange } from '../cuts.ts';
import { type EngineProbe, type Executor, JobError } from '../executor.ts';
import { type Answer, BEGAN, GAVE_BACK, type Needs, type Order, readOrder, type WorkerInfo } from './protocol.ts';
import { type Board, type Line, lastWords, queueName } from './redis.ts';
import { type Held, Rights } from './rights.ts';

/** A worker that has not renewed its right to a job for so long is taken for lost, and the job goes to another. */
const LOCK_MS = 30_000;

/** A job that so many workers were lost at is given up. */
const MOST_LOST = 3;

const SHOW_MS = 5_000;

/** A run that was done before this worker came may be followed by another for so many looks, five minutes: the one that it was started for. */
const NEXT_RUN_LOOKS = 300_000 / SHOW_MS;

const PROGRESS_MS = 5_000;

export interface QueueWorkerOptions {
  readonly line: Line;
  readonly board: Board;
  readonly store: Store;
  readonly probe: EngineProbe;
  /** One engine for each job that it does at a time. */
  readonly slots: readonly EngineRef[];
  /** Plug-ins from outside of the package that it may execute, by the hashes of their files. */
  readonly plugins: readonly PluginFiles[];
  /** Programs that it may load: TorchScript files, by hash. */
  readonly programs: ReadonlySet<string>;
  executor(settings: RunSettings): Executor;
  /** What it does, for the terminal. */
  tell?(text: string): void;
  readonly lockMs?: number;
  /** Leaves when the run of the folder is done. */
  readonly untilDone?: boolean;
}

/** Works until `signal` aborts, then ends what it does and gives it back; with `untilDone` until the run is done. Resolves when it has left, with why. */
export async function serveQueue(options: QueueWorkerOptions, signal: AbortSignal): Promise<'done' | 'stopped'> {
  return new QueueWorker(options).serve(signal);
}

/** What runs say to this worker: that they need another one, or that they are done. */
class Notes {
  readonly #options: QueueWorkerOptions;
  /** By the clock of Redis. */
  readonly #began: number;
  #told = '';
  #looks = 0;

  constructor(options: QueueWorkerOptions, began: number) {
    this.#options = options;
    this.#began = began;
  }

  /** Whether this worker may leave, there being nothing more to come. */
  async done(): Promise<boolean> {
    const { board, probe, tell, untilDone } = this.#options;
    const note = await board.announced();
    // a short run is done before it is looked at
    const needs = note?.is === 'running' ? note : note?.is === 'done' && note.at >= this.#began ? note.on : undefined;
    if (needs && queueName(needs) !== board.queueOf(engineIdentity(probe.info))) {
      const there = described(needs);
      if (there !== this.#told) tell?.(`takes nothing: the run is done on ${there}, this worker has ${ownOf(this.#options)}`);
      this.#told = there;
    }
    if (!untilDone || note?.is !== 'done') return false;
    return note.at >= this.#began || ++this.#looks > NEXT_RUN_LOOKS;
  }
}

/** What an answer depends on, for a person. */
const described = ({ engine, rampart, revision }: Needs) =>
  `${engine.name} ${engine.version} on ${engine.device}${engine.threads === undefined ? '' : ` with ${engine.threads} threads`}${engine.precision === undefined ? '' : ` in ${engine.precision}`} by rampart ${rampart} (${revision})`;

const ownOf = ({ probe }: QueueWorkerOptions) =>
  described({ engine: engineIdentity(probe.info), rampart: packageVersion(), revision: gitRevision() });

function titleOf({ job }: Order): string {
  if (job.kind === 'model') return job.name;
  const cell = `${job.attack.label} on ${job.model.name}`;
  return job.kind === 'cell' ? cell : `${cell}, ${shownRange(job.range)}`;
}

/** A job that this worker has begun. */
interface Doing extends Held {
  readonly stop: AbortController;
  readonly name: string;
  /** Resolves when nothing of it is done any more. */
  readonly ended: Promise<void>;
}

class QueueWorker {
  readonly #options: QueueWorkerOptions;
  readonly #name = `${hostname()} ${process.pid}`;
  readonly #free: EngineRef[];
  readonly #doing = new Map<string, Doing>();
  /** By the settings of the run that orders. */
  readonly #executors = new Map<string, Executor>();

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
    this.#free = [...options.slots];
  }

  async serve(signal: AbortSignal): Promise<'done' | 'stopped'> {
    const { line, board, probe, slots, lockMs = LOCK_MS, tell } = this.#options;
    await board.show(this.#info());
    const worker: Worker<Order, Answer> = new line.bull.Worker<Order, Answer>(
      board.queueOf(engineIdentity(probe.info)),
      (job, token) => this.#take(job, token),
      {
        connection: line.redis,
        prefix: board.prefix,
        name: this.#name,
        concurrency: slots.length,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        maxStalledCount: MOST_LOST - 1,
        removeOnComplete: { age: 600, count: 1000 },
        removeOnFail: { age: 600 },
      },
    );
    const fault = sometimes(60_000, (message) => tell?.(`queue: ${message}`));
    worker.on('error', ({ message }) => fault(message));
    const rights = new Rights(worker, line.redis, lockMs);
    const watch = rights.watch(() => [...this.#doing.values()]);
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) {
        const doing = this.#doing.get(id);
        // somebody else may have it now
        if (doing)
          rights.takeAgain(doing).then(
            (has) => has || doing.stop.abort(),
            () => doing.stop.abort(),
          );
      }
    });
    tell?.(`serves ${line.shown} as ${this.#name}`);
    const notes = new Notes(this.#options, await board.now());
    let done = false;
    while (!signal.aborted && !done) {
      await board.show(this.#info()).catch(() => undefined);
      done = await notes.done().catch(() => false);
      if (!done) await sleep(SHOW_MS, undefined, { signal }).catch(() => undefined);
    }
    watch.end();
    await lastWords(worker.pause(true));
    for (const { stop } of this.#doing.values()) stop.abort();
    await Promise.all([...this.#doing.values()].map(({ ended }) => ended));
    await lastWords(worker.close());
    await Promise.all([...this.#executors.values()].map((executor) => executor.close()));
    await lastWords(board.leave(this.#name));
    return done ? 'done' : 'stopped';
  }

  #info(): WorkerInfo {
    const { probe, slots } = this.#options;
    const { info, devices, why } = probe;
    return {
      name: this.#name,
      runsOn: deviceOf(provenance(info)),
      rampart: packageVersion(),
      revision: gitRevision(),
      info,
      devices,
      why,
      slots: slots.length,
      doing: [...this.#doing.values()].map(({ name }) => name),
    };
  }

  async #take(job: BullJob<Order, Answer>, token: string | undefined): Promise<Answer> {
    const read = readOrder(job.data);
    if ('wrong' in read) return refused(`what the queue holds is no job: ${read.wrong}`);
    const { order } = read;
    const stranger = this.#stranger(order.settings);
    if (stranger !== undefined)
      return refused(`the plug-in ${stranger} is none that this worker was started with; name its suite: rampart worker SUITE`);
    const program = await this.#strangeProgram(order.job);
    if (program !== undefined)
      return refused(`the TorchScript file ${program} is none that this worker was started with; name its suite: rampart worker SUITE`);
    const { store, tell } = this.#options;
    // done by one who was lost before it could say so
    if (await whole(await store.record(order.job.kind, order.job.key), store)) return { is: 'done' };
    const stop = new AbortController();
    const id = job.id as string;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const doing: Doing = { id, token, stop, name: titleOf(order), ended };
    this.#doing.set(id, doing);
    const slot = this.#free.pop() as EngineRef;
    // for whoever asks why it was lost, and no reason not to do it
    job.log(`${this.#name}${BEGAN}`).catch(() => undefined);
    tell?.(`${titleOf(order)} begins`);
    try {
      const answer = await this.#perform(job, order, slot, stop.signal);
      if (answer) {
        tell?.(`${titleOf(order)} ${answer.is === 'done' ? 'is done' : `failed: ${answer.error.message}`}`);
        return answer;
      }
    } finally {
      end();
      this.#free.push(slot);
      // another slot may have begun it since this one lost it
      if (this.#doing.get(id) === doing) this.#doing.delete(id);
    }
    tell?.(`${titleOf(order)} is given back`);
    await job.moveToWait(token);
    await job.log(`${this.#name}${GAVE_BACK}`).catch(() => undefined);
    throw new this.#options.line.bull.WaitingError();
  }

  /** Undefined where it was stopped. */
  async #perform(job: BullJob<Order, Answer>, order: Order, slot: EngineRef, signal: AbortSignal): Promise<Answer | undefined> {
    let last = 0;
    const progress = ({ fraction, detail }: JobProgress) => {
      if (performance.now() - last < PROGRESS_MS) return;
      last = performance.now();
      job.updateProgress({ worker: this.#name, fraction, detail }).catch(() => undefined);
    };
    const note = (text: string) => this.#options.tell?.(text);
    try {
      await this.#executorOf(order.settings).run({ job: order.job, batchSize: order.batchSize }, slot, signal, { progress, note });
      return { is: 'done' };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof JobError)) throw error;
      const { kind, message, fatal, provenance } = error;
      return { is: 'failed', fatal, error: { kind, message }, ...(provenance && { provenance }) };
    }
  }

  #executorOf(settings: RunSettings): Executor {
    const id = canonicalJson(settings);
    const executor = this.#executors.get(id) ?? this.#options.executor(settings);
    this.#executors.set(id, executor);
    return executor;
  }

  /** The name of a TorchScript file that the job would load, unless this worker may. */
  async #strangeProgram(job: Job): Promise<string | undefined> {
    const { store, programs } = this.#options;
    if (job.kind === 'model') {
      const { origin } = job;
      return origin.by === 'torchscript' && !programs.has(origin.weightsHash) ? origin.file : undefined;
    }
    for (const { key } of [job.model, ...job.sources]) {
      const { imported, weightsHash } = (await store.record('model', key)) ?? {};
      if (imported?.kind === 'torchscript' && !programs.has(weightsHash ?? '')) return imported.file;
    }
    return undefined;
  }

  /** The path of a plug-in of the order that this worker must not execute. */
  #stranger({ plugins }: RunSettings): string | undefined {
    const allowed = new Set(this.#options.plugins.map((files) => canonicalJson(files)));
    return plugins.find((files) => !allowed.has(canonicalJson(files)))?.[0]?.path;
  }
}

/** Tells a text again only after so long: a Redis that is away is told of at every try to reach it. */
function sometimes(ms: number, tell: (text: string) => void): (text: string) => void {
  const told = new Map<string, number>();
  return (text) => {
    if (performance.now() - (told.get(text) ?? Number.NEGATIVE_INFINITY) < ms) return;
    told.set(text, performance.now());
    tell(text);
  };
}

const refused = (message: string): Answer => ({ is: 'failed', fatal: false, error: { kind: 'error', message } });
