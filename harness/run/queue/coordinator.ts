/** A run whose jobs are done by whichever workers serve its folder: handed out through a queue, longest chain first. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job as BullJob, Queue, QueueEvents } from 'bullmq';
import { RampartError } from '../../../errors.ts';
import { canonicalJson } from '../../../records/hash.ts';
import { type EngineIdentity, type EngineRef, engineIdentity } from '../../job/engine.ts';
import type { RunSettings } from '../../job/job.ts';
import { gitRevision, packageVersion } from '../../job/provenance.ts';
import { type Asked, type EngineProbe, type Executor, JobError, type JobListener, type Machines, type Task } from '../executor.ts';
import type { Workers } from '../progress.ts';
import {
  type Answer,
  answerSchema,
  asOrdered,
  BEGAN,
  GAVE_BACK,
  type Order,
  progressSchema,
  type RunNote,
  type WorkerInfo,
} from './protocol.ts';
import { type Board, type Line, lastWords, persistently } from './redis.ts';

/**
 * Jobs that are handed out to workers with so many slots: some more than they do, for those that come and for many short ones. Each that is
 * handed out costs memory, and a lock in the folder that is renewed.
 */
const handedOut = (slots: number) => Math.ceil(1.25 * slots) + 128;

/** How often it is looked whether what was handed out is still there: Redis may have lost it. */
const LOOK_MS = 5_000;

/** What BullMQ says of a job whose workers were lost too often. */
const STALLED = /stalled more than/;

/** Job priorities of BullMQ: 1 first. */
const LOWEST_PRIORITY = 2_000_000;

/** Hears of the workers of a run, for the terminal. */
export interface QueueListener {
  note?(text: string): void;
  /** Who does the jobs from now on. */
  workers?(workers: readonly Workers[]): void;
  /** A worker was lost at a job, which goes to another. */
  lost?(): void;
}

/** The workers that serve a folder. The caller owns the line. */
export function queueMachines(line: Line, board: Board, listener: QueueListener = {}): Machines {
  let hear = (_jobs: number): void => undefined;
  const own: QueueListener = {
    ...listener,
    workers(workers) {
      listener.workers?.(workers);
      hear(handedOut(workers.reduce((sum, { slots }) => sum + slots, 0)));
    },
  };
  return {
    probe: (asked, signal) => waitForWorkers(board, asked, signal, (text) => listener.note?.(text)),
    executor: (settings) => new QueueExecutor(line, board, settings, own),
    async room(heard) {
      hear = heard;
      hear(handedOut(await slotsOf(board)));
    },
    slots: () => slotsOf(board),
  };
}

async function slotsOf(board: Board): Promise<number> {
  return (await persistently(() => board.workers())).reduce((sum, { slots }) => sum + slots, 0);
}

const inPrecision = ({ precision }: Pick<EngineRef, 'precision'>) => (precision && precision !== 'fp32' ? ` in ${precision}` : '');

/** Whether a worker's engine is what was asked for: `auto`, `torch`, `torch:cuda`, `torch:cuda:1`. */
function serves({ info }: WorkerInfo, { request, threads, precision = 'fp32' }: Asked): boolean {
  const [name, ...device] = request.split(':');
  if ((info.threads !== threads && info.device === 'cpu') || (info.precision ?? 'fp32') !== precision) return false;
  return name === 'auto' || (name === info.name && (device.length === 0 || `${info.device}:`.startsWith(`${device.join(':')}:`)));
}

/** Waits until a worker serves the request. Of several engines the one with the most slots is the run's: the others would give other bits. */
async function waitForWorkers(board: Board, asked: Asked, signal: AbortSignal, note: (text: string) => void): Promise<EngineProbe> {
  const { request, threads, precision } = asked;
  for (let told = false; ; told = true) {
    signal.throwIfAborted();
    const there = await persistently(() => board.workers(), signal);
    const fitting = there.filter((worker) => serves(worker, asked));
    const chosen = mostSlots(fitting);
    if (chosen) {
      for (const { name, info } of there)
        if (board.queueOf(engineIdentity(info)) !== board.queueOf(engineIdentity(chosen.info)))
          note(
            `${name} has another engine (${info.name} ${info.version} on ${info.device}, ${info.threads} threads${inPrecision(info)}) and takes nothing of this run`,
          );
      const { info, devices, why } = chosen;
      return { info, devices, why };
    }
    if (!told) note(`waiting for a worker with the engine ${request} and ${threads} threads${inPrecision({ precision })}: rampart worker`);
    await sleep(1000, undefined, { signal });
  }
}

function mostSlots(workers: readonly WorkerInfo[]): WorkerInfo | undefined {
  const sums = new Map<string, { worker: WorkerInfo; slots: number }>();
  for (const worker of workers) {
    const id = JSON.stringify(engineIdentity(worker.info));
    sums.set(id, { worker, slots: (sums.get(id)?.slots ?? 0) + worker.slots });
  }
  return [...sums.values()].sort((a, b) => b.slots - a.slots)[0]?.worker;
}

interface Waiting {
  readonly answered: (answer: Answer) => void;
  readonly listener: JobListener;
  readonly order: Order;
  readonly priority: number;
}

/** A queue of one engine, with what this run waits for in it. */
interface Lane {
  readonly queue: Queue<Order, Answer>;
  readonly events: QueueEvents;
  readonly waiting: Map<string, Waiting>;
}

class QueueExecutor implements Executor {
  readonly #line: Line;
  readonly #board: Board;
  readonly #settings: RunSettings;
  readonly #listener: QueueListener;
  readonly #lanes = new Map<string, Promise<Lane>>();
  readonly #closed = new AbortController();

  constructor(line: Line, board: Board, settings: RunSettings, listener: QueueListener) {
    this.#line = line;
    this.#board = board;
    this.#settings = settings;
    this.#listener = listener;
  }

  async run({ job, batchSize, behind = 0 }: Task, _engine: EngineRef, signal: AbortSignal, listener: JobListener): Promise<void> {
    signal.throwIfAborted();
    const lane = await orAborted(this.#laneOf(job.engine), signal);
    const id = `${job.kind}-${job.key}`;
    const order = { settings: this.#settings, job: asOrdered(job), batchSize } as Order;
    const priority = Math.max(1, Math.round(LOWEST_PRIORITY - 20_000 * Math.log2(1 + behind)));
    const answer = new Promise<Answer>((answered) => lane.waiting.set(id, { answered, listener, order, priority }));
    try {
      await orAborted(
        persistently(() => handOut(lane, id, order, priority), signal),
        signal,
      );
      const given = await orAborted(answer, signal);
      if (given.is === 'failed')
        throw new JobError(given.error, { fatal: given.fatal, ...(given.provenance && { provenance: given.provenance }) });
    } finally {
      lane.waiting.delete(id);
      // what waits is not done for a run that has ended; what somebody does ends by itself, and its record is there for the next run
      if (signal.aborted) await lastWords(lane.queue.remove(id));
    }
  }

  #laneOf(engine: EngineIdentity): Promise<Lane> {
    const name = this.#board.queueOf(engine);
    const there = this.#lanes.get(name) ?? persistently(() => this.#open(name, engine), this.#closed.signal);
    this.#lanes.set(name, there);
    return there;
  }

  async #open(name: string, engine: EngineIdentity): Promise<Lane> {
    const { bull, redis } = this.#line;
    const options = { connection: redis, prefix: this.#board.prefix };
    const queue = new bull.Queue<Order, Answer>(name, options);
    const events = new bull.QueueEvents(name, options);
    // BullMQ comes back by itself; what was missed meanwhile is looked up
    queue.on('error', () => undefined);
    events.on('error', () => undefined);
    const lane: Lane = { queue, events, waiting: new Map() };
    events.on('completed', ({ jobId, returnvalue }) => settle(lane, jobId, returnvalue));
    events.on('failed', ({ jobId }) => void lostWorkers(lane, jobId));
    events.on('stalled', ({ jobId }) => {
      if (lane.waiting.has(jobId)) this.#listener.lost?.();
    });
    events.on('progress', ({ jobId, data }) => {
      const parsed = progressSchema.safeParse(data);
      if (parsed.success)
        lane.waiting
          .get(jobId)
          ?.listener.progress?.({ fraction: parsed.data.fraction, detail: `${parsed.data.detail} (${parsed.data.worker})` });
    });
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    const note: RunNote = { is: 'running', engine, rampart: packageVersion(), revision: gitRevision() };
    await this.#board.announce(note);
    // it ends with the run, which may not wait for a Redis that is away
    void this.#lookAfter(lane, note).catch(() => undefined);
    return lane;
  }

  /** Events are missed while Redis is away, and a Redis that comes back empty has lost what was handed out. */
  async #lookAfter(lane: Lane, note: RunNote): Promise<void> {
    const { signal } = this.#closed;
    for (;;) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const there = await persistently(() => this.#board.workers(), signal);
      // what is announced from now on is that the run is done
      if (signal.aborted) return;
      this.#listener.workers?.(there.map(({ runsOn, slots }) => ({ device: runsOn, slots })));
      await this.#board.announce(note).catch(() => undefined);
      for (const [id, { order, priority }] of [...lane.waiting])
        try {
          const job = await lane.queue.getJob(id);
          if (!job) await handOut(lane, id, order, priority);
          else if (job.finishedOn !== undefined)
            await (job.failedReason === undefined ? settle(lane, id, job.returnvalue) : lostWorkers(lane, id));
        } catch {
          // Redis is away: the next look tells
        }
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const lanes = await Promise.allSettled(this.#lanes.values());
    const closing = lanes.flatMap((lane) => (lane.status === 'fulfilled' ? [lane.value.events.close(), lane.value.queue.close()] : []));
    await lastWords(Promise.allSettled(closing));
  }
}

/**
 * Puts an order on the queue; one that is there already, of a run that is gone, is not put twice, and is done as this run wants it if it is not
 * begun. What an earlier run was answered is forgotten.
 */
async function handOut({ queue }: Lane, id: string, order: Order, priority: number): Promise<void> {
  const old = await queue.getJob(id);
  if (old?.finishedOn !== undefined) await old.remove();
  else if (old && canonicalJson(old.data) !== canonicalJson(order)) await old.updateData(order);
  await queue.add(order.job.kind, order, { jobId: id, priority, removeOnComplete: { age: 600, count: 1000 }, removeOnFail: { age: 600 } });
}

function settle({ waiting }: Lane, id: string, value: unknown): void {
  const parsed = answerSchema.safeParse(typeof value === 'string' ? parsedJson(value) : value);
  const answer: Answer = parsed.success
    ? parsed.data
    : { is: 'failed', fatal: false, error: { kind: 'error', message: 'a worker gave no answer that can be read' } };
  waiting.get(id)?.answered(answer);
}

/** Undefined for what is none. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A job that so many workers died of is given up, with what they said last; one that a worker could not even begin, with why. */
async function lostWorkers(lane: Lane, id: string): Promise<void> {
  if (!lane.waiting.has(id)) return;
  const { logs } = await lane.queue.getJobLogs(id).catch(() => ({ logs: [] as string[] }));
  const job = await lane.queue.getJob(id).catch((): BullJob | undefined => undefined);
  const failed = (kind: 'killed' | 'error', message: string) =>
    lane.waiting.get(id)?.answered({ is: 'failed', fatal: false, error: { kind, message } });
  if (job?.failedReason !== undefined && !STALLED.test(job.failedReason)) return failed('error', `its worker failed: ${job.failedReason}`);
  const last = progressSchema.safeParse(job?.progress);
  const words = [...logs, ...(last.success ? [`last seen at: ${last.data.detail} (${last.data.worker})`] : [])].join('; ');
  const ending = (word: string) => logs.filter((log) => log.endsWith(word)).length;
  const lost = ending(BEGAN) - ending(GAVE_BACK);
  failed('killed', `${lost} workers were lost while they did it: ${words === '' ? 'nothing is known of them' : words}`);
}

/** Rejects with the reason of `signal`. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason instanceof Error ? signal.reason : new RampartError(String(signal.reason)));
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
