/** A run from suite to records: engine, data, plan, schedule, and the index of what belongs to the suite. */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { FolderStore } from '../../records/folder-store.ts';
import type { RampartRecord } from '../../records/record.ts';
import { type KnownData, type RunIndex, recordsOfRun } from '../../records/run-index.ts';
import type { Damage, Store } from '../../records/store.ts';
import { type EngineRef, engineIdentity } from '../job/engine.ts';
import type { PluginFiles, RunSettings } from '../job/job.ts';
import { findOutside, sourcesOf } from '../job/outside.ts';
import { putPlugins } from '../job/plugins.ts';
import { type PlannedData, prepareData } from '../job/prepare-data.ts';
import { provenance } from '../job/provenance.ts';
import { isImported, isScript, type SuiteModel } from '../suite/models.ts';
import type { Registry } from '../suite/registry.ts';
import type { ShardChoice } from '../suite/schema.ts';
import { countOf } from '../suite/selection.ts';
import type { Suite } from '../suite/suite.ts';
import { BatchSizes } from './batch-sizes.ts';
import { Cuts } from './cuts.ts';
import type { EngineProbe, Machines } from './executor.ts';
import { localMachines } from './local/process-executor.ts';
import { nameOf, type Plan, type Planned, planRun } from './plan.ts';
import { Calibration } from './progress.ts';
import { reusable } from './reuse.ts';
import { type Finished, type RunListener, type ScheduleOptions, schedule } from './scheduler.ts';
import { asked, type EngineRequest, questionOf, remembered, slotsOn } from './slots.ts';

export interface RunOptions extends EngineRequest {
  /** Output folder. */
  readonly out: string;
  readonly dataDir: string;
  readonly download: boolean;
  /** How long cells are cut; the suite's choice unless given. */
  readonly shard?: ShardChoice;
  readonly signal: AbortSignal;
  readonly listener?: RunListener & { engine?(probe: EngineProbe, slots: number): void; planned?(plan: Plan): void };
  onData?(message: string, done: number, total: number): void;
  /** Sees what workers print. */
  onOutput?(text: string): void;
  /** The folder `out` unless given. */
  readonly store?: Store;
  /** Processes of this machine, which work in the folder `out`, unless given. */
  readonly machines?: Machines;
}

export interface RunResult {
  readonly plan: Plan;
  readonly finished: readonly Finished[];
  /** In the order of the plan, under the names of this suite. */
  readonly records: readonly RampartRecord[];
  readonly failed: readonly Finished[];
  readonly probe: EngineProbe;
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

/** A run before its first job. */
interface Prepared {
  readonly probe: EngineProbe;
  readonly plan: Plan;
  readonly data: readonly PlannedData[];
  /** What need not run, by id. */
  readonly known: ReadonlyMap<string, RampartRecord>;
  /** What the run before found to fit. */
  readonly batchSizesBefore: RunIndex['batchSizes'];
}

/** Asks for the engine, loads the data unless an earlier run knows them, and compares the plan with what the store has. Where that is everything, an engine that an earlier run was told does. */
async function prepare(
  suite: Suite,
  registry: Registry,
  store: Store,
  machines: Machines,
  question: string,
  options: RunOptions,
): Promise<Prepared> {
  const { dataDir, download, signal, onData: onProgress, listener } = options;
  const ask = (signal: AbortSignal) => machines.probe(asked(suite, options), signal);
  const index = await store.index();
  const earlier = remembered(index, question);
  const [first, data] = await together(signal, [
    async (signal) => earlier ?? ask(signal),
    async (signal) =>
      prepareData(suite, registry, { dataDir, download, signal, onProgress }, await whoseLabelsAreThere(index?.data ?? [], store)),
  ]);
  for (const labels of data.flatMap((d) => d.labels ?? [])) await store.putLabels(labels);
  const outside = await findOutside(suite, data, first.info.threads, signal);
  const lacks = (planned: Planned, what: string) => listener?.note?.(`${what} are not there: ${nameOf(planned)} is done again`);
  const records = await store.records();
  await forgetFailures(records, store);
  const planFor = async (probe: EngineProbe): Promise<Prepared> => {
    const plan = planRun(suite, registry, data, engineIdentity(probe.info), outside);
    return { probe, plan, data, batchSizesBefore: index?.batchSizes, known: await reusable(plan, records, store, lacks) };
  };
  const prepared = await planFor(first);
  const { plan, known } = prepared;
  if (!earlier || known.size === plan.models.length + plan.cells.length) return prepared;
  const probe = await ask(signal);
  return isDeepStrictEqual(engineIdentity(probe.info), engineIdentity(first.info)) ? { ...prepared, probe } : planFor(probe);
}

/** Data sets whose labels the store has lost are loaded again: records on their images could not be read. */
async function whoseLabelsAreThere(data: readonly KnownData[], store: Store): Promise<KnownData[]> {
  const whole: KnownData[] = [];
  for (const known of data) {
    const there = await Promise.all((known.facts.labels ?? []).map((hash) => store.hasLabels(hash)));
    if (!there.includes(false)) whole.push(known);
  }
  return whole;
}

/** Runs a suite; what the output folder already holds is reused. Throws before anything runs when data, engine or folder are not usable. */
export async function runSuite(suite: Suite, registry: Registry, options: RunOptions): Promise<RunResult> {
  const { out, dataDir, signal, listener, onOutput } = options;
  const onDamage = ({ what, reason }: Damage) => listener?.note?.(`${what}: ${reason}`);
  const store = options.store ?? new FolderStore(out, { mend: true, onDamage });
  const outside = sourcesOf(suite, out);
  const place = { out, dataDir, plugins: suite.plugins, outside };
  const machines = options.machines ?? localMachines(place, { silenceMs: suite.timeoutMinutes * 60_000, onOutput });
  await store.prepare();
  const question = await questionOf(suite, options);
  const prepared = await prepare(suite, registry, store, machines, question, options);
  const { probe, plan, data, known, batchSizesBefore } = prepared;
  const slots = machines.room ? [anySlotOf(probe)] : slotsOn(probe, suite, options);
  listener?.engine?.(probe, (await machines.slots?.()) ?? slots.length);
  listener?.planned?.(plan);
  const { engine, keepExamples, publish, timeoutMinutes } = suite;
  const plugins = await putInputs(suite, registry, store);
  const settings: RunSettings = { plugins, keepExamples, publish: publish?.adversarial, timeoutMinutes };
  // the memory of other machines is not known here
  const sizes = { slots, ...(machines.room && { memory: Number.POSITIVE_INFINITY }) };
  const batchSizes = new BatchSizes({ given: engine.batchSize, ...sizes, known: batchSizesBefore });
  const executor = machines.executor(settings);
  const { speeds, hearing } = learning(prepared, listener);
  const isShared = machines.room !== undefined || slots.length > 1;
  const choice = options.shard ?? engine.shard ?? (isShared ? 'auto' : 'off');
  const cuts = new Cuts({ choice, store, engine: probe.info, seconds: (planned) => speeds.seconds(planned) });
  const provenanceOf = (slot?: EngineRef) => provenance({ ...probe.info, ...slot });
  const cut: ScheduleOptions['cut'] = (planned, job) => cuts.of(planned, job);
  const around = { registry, executor, slots, batchSizes, provenance: provenanceOf, cut, signal, listener: hearing };
  const running = schedule({ plan, store, known, ...around, ...(machines.room && { room: machines.room }) });
  const finished = await running.finally(() => executor.close());
  const index = {
    ...indexOf(suite, finished),
    engine: { asked: question, probe },
    data: data.flatMap((d) => d.known ?? []),
    batchSizes: batchSizes.known(),
  };
  await store.writeIndex(index);
  const made = finished.map((f) => f.record);
  return { plan, finished, records: recordsOfRun(made, index), failed: finished.filter((f) => f.state === 'failed'), probe };
}

/** The speeds that records tell of, those of earlier runs and each that is made from now on. */
function learning({ plan, known, probe }: Prepared, listener: RunListener | undefined): { speeds: Calibration; hearing: RunListener } {
  const speeds = new Calibration(probe.info);
  for (const planned of [...plan.models, ...plan.cells]) {
    const record = known.get(planned.id);
    if (record) speeds.learn(planned, record);
  }
  const finished: RunListener['finished'] = (planned, state, record) => {
    if (state === 'done') speeds.learn(planned, record);
    listener?.finished?.(planned, state, record);
  };
  return { speeds, hearing: { ...listener, finished } };
}

/** One that stands for those of all machines. */
function anySlotOf({ info }: EngineProbe): EngineRef {
  const { name, device, threads, precision } = info;
  return { name, device, threads, precision };
}

/** Failed jobs are tried again; under another key even, where what they need failed too. */
async function forgetFailures(records: readonly RampartRecord[], store: Store): Promise<void> {
  for (const { kind, key, status } of records) if (status === 'failed') await store.removeRecord(kind, key);
}

/** What a model is read from. */
function filesOf(model: SuiteModel): string[] {
  if (isImported(model)) return [model.weights];
  return isScript(model) ? [model.torchscript] : [];
}

/** Puts into the store what jobs name by its hash: files of weights, of reference logits and of plug-ins, and photographs. */
async function putInputs(suite: Suite, registry: Registry, store: Store): Promise<PluginFiles[]> {
  for (const model of suite.models)
    for (const file of [...filesOf(model), ...(model.reference ? [model.reference.file] : [])])
      await store.putArtifact(await readFile(file));
  if (suite.corruptions?.photographs) await store.putArtifact(suite.corruptions.photographs.bytes);
  return putPlugins(registry, store);
}

/** What belongs to the suite, under its names. */
function indexOf(suite: Suite, finished: readonly Finished[]): RunIndex {
  const { name, title, description, file } = suite;
  const records = finished.map(({ planned, record: { kind, key } }) =>
    planned.kind === 'model'
      ? { kind, key, model: planned.job.name, data: { hash: planned.job.data.hash, test: countOf(planned.job.data.test.selection) } }
      : { kind, key, model: planned.model.job.name, attack: planned.label },
  );
  return { suite: { name, title, description, file }, ...(suite.publish?.weights && { weights: true }), records };
}
