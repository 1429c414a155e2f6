/** A run from suite to records: engine, data, plan, schedule, and the index of what belongs to the suite. */
import { cpus, totalmem } from 'node:os';
import { readRecords, Store } from '../../records/folder-store.ts';
import type { RampartRecord } from '../../records/record.ts';
import { type RunIndex, readRun, writeIndex } from '../../records/run-index.ts';
import { prepareData } from '../job/data.ts';
import type { EngineRef, RunSettings } from '../job/job.ts';
import { gitRevision, provenance } from '../job/provenance.ts';
import type { Registry } from '../suite/registry.ts';
import { countOf } from '../suite/selection.ts';
import type { Suite } from '../suite/suite.ts';
import type { Executor } from './executor.ts';
import type { EngineProbe } from './local/messages.ts';
import { probeEngine, processExecutor } from './local/process-executor.ts';
import { type Plan, planRun } from './plan.ts';
import { type Finished, type RunListener, schedule } from './scheduler.ts';

export interface RunOptions {
  readonly out: string;
  readonly dataDir: string;
  /** `auto`, or a name with an optional device; the suite's hint when absent. */
  readonly engine?: string;
  readonly workers?: number;
  readonly threads?: number;
  readonly download: boolean;
  readonly signal: AbortSignal;
  readonly listener?: RunListener & { engine?(probe: EngineProbe, slots: number): void; planned?(plan: Plan): void };
  onData?(message: string, done: number, total: number): void;
  /** Sees what workers print. */
  onOutput?(text: string): void;
  /** Where jobs run; processes of this machine unless given. */
  executor?(settings: RunSettings, silenceMs: number): Executor;
}

export interface RunResult {
  readonly plan: Plan;
  readonly finished: readonly Finished[];
  /** In the order of the plan, under the names of this suite. */
  readonly records: readonly RampartRecord[];
  readonly failed: readonly Finished[];
  readonly probe: EngineProbe;
}

/** Memory that a worker should find, in bytes. */
const WORKER_MEMORY = 1.5 * 2 ** 30;

/** What each worker runs on. One thread per worker on a CPU unless asked: many small jobs then fill the machine, and the count does not depend on it. */
export async function chooseSlots(suite: Suite, options: Pick<RunOptions, 'engine' | 'workers' | 'threads' | 'signal'>) {
  const request = options.engine ?? suite.engine.name ?? 'auto';
  const threads = options.threads ?? suite.engine.threads ?? 1;
  const probe = await probeEngine(request, threads, options.signal);
  const { name, device } = probe.info;
  const engine: EngineRef = { name, device, threads: probe.info.threads };
  const devices = request.includes(':') ? [device] : probe.devices.filter((d) => (d === 'cpu') === (device === 'cpu'));
  const fitting = Math.max(1, Math.min(Math.floor(cpus().length / threads), Math.floor(totalmem() / WORKER_MEMORY)));
  const workers = options.workers ?? suite.engine.workers ?? (device === 'cpu' ? fitting : devices.length);
  const slots = Array.from({ length: workers }, (_, i): EngineRef => ({ ...engine, device: devices[i % devices.length] ?? device }));
  return { engine, slots, probe };
}

/** Does two things at the same time. When one fails, or `signal` aborts, the other is stopped, and the first reason is thrown once both have ended. */
async function together<A, B>(
  signal: AbortSignal,
  [one, other]: readonly [(signal: AbortSignal) => Promise<A>, (signal: AbortSignal) => Promise<B>],
): Promise<[A, B]> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  const both = [one(stop.signal), other(stop.signal)] as const;
  for (const each of both) each.catch((error: unknown) => stop.abort(error));
  await Promise.allSettled(both);
  signal.removeEventListener('abort', onAbort);
  stop.signal.throwIfAborted();
  return Promise.all(both);
}

/** Runs a suite; what the output folder already holds is reused. Throws before anything runs when data, engine or folder are not usable. */
export async function runSuite(suite: Suite, registry: Registry, options: RunOptions): Promise<RunResult> {
  const { out, dataDir, signal, listener } = options;
  const store = new Store(out);
  await store.prepare();
  const [{ engine, slots, probe }, data] = await together(signal, [
    (signal) => chooseSlots(suite, { ...options, signal }),
    (signal) => prepareData(suite, registry, { dataDir, download: options.download, signal, onProgress: options.onData }),
  ]);
  listener?.engine?.(probe, slots.length);
  const plan = planRun(suite, registry, data, engine);
  listener?.planned?.(plan);
  const revision = gitRevision();
  const { plugins, keepExamples } = suite;
  const settings: RunSettings = { out, dataDir, plugins, revision, batchSize: suite.engine.batchSize, keepExamples };
  const silenceMs = suite.timeoutMinutes * 60_000;
  const executor = options.executor?.(settings, silenceMs) ?? processExecutor(settings, { silenceMs, onOutput: options.onOutput });
  await forgetFailures(store);
  const provenanceNow = () => provenance(probe.info, revision);
  const finished = await schedule({ plan, store, registry, executor, slots, provenance: provenanceNow, signal, listener }).finally(() =>
    executor.close(),
  );
  await writeIndex(out, indexOf(suite, finished));
  return { plan, finished, records: await readRun(out), failed: finished.filter((f) => f.state === 'failed'), probe };
}

/** Failed records are tried again; the rest stays. */
async function forgetFailures(store: Store): Promise<void> {
  for (const { kind, key, status } of await readRecords(store.dir)) if (status === 'failed') await store.removeRecord(kind, key);
}

/** What belongs to the suite, under its names. */
function indexOf(suite: Suite, finished: readonly Finished[]): RunIndex {
  const { name, title, description, file } = suite;
  const records = finished.map(({ planned, record: { kind, key } }) =>
    planned.kind === 'model'
      ? { kind, key, model: planned.job.name, data: { hash: planned.job.data.hash, test: countOf(planned.job.data.test.selection) } }
      : { kind, key, model: planned.model.job.name, attack: planned.label },
  );
  return { suite: { name, title, description, file }, records };
}
