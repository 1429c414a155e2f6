/** `rampart plan` and `rampart validate`: what a suite would do, without doing it. */

import type { DatasetPlugin } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import { engineIdentity } from '../../harness/job/engine.ts';
import type { DataForm } from '../../harness/job/job.ts';
import { findOutside } from '../../harness/job/outside.ts';
import { attackedImages, type PlannedData, prepareData } from '../../harness/job/prepare-data.ts';
import { cut, imagesPerShard } from '../../harness/run/cuts.ts';
import { deviceHours, type Hours, type HoursRow, type Speed } from '../../harness/run/device-hours.ts';
import { probeEngine } from '../../harness/run/local/process-executor.ts';
import { type Plan, type Planned, planRun } from '../../harness/run/plan.ts';
import { Calibration } from '../../harness/run/progress.ts';
import { reusable } from '../../harness/run/reuse.ts';
import { asked, slotsOn } from '../../harness/run/slots.ts';
import { suiteJsonSchema } from '../../harness/suite/json-schema.ts';
import { isOutside } from '../../harness/suite/models.ts';
import { MOST_PROCESSORS } from '../../harness/suite/most.ts';
import { loadSuite } from '../../harness/suite/read.ts';
import { Registry } from '../../harness/suite/registry.ts';
import { firstImages, type Selection } from '../../harness/suite/selection.ts';
import type { Suite } from '../../harness/suite/suite.ts';
import { limitOf } from '../../models/outside/http/source.ts';
import { FolderStore } from '../../records/folder-store.ts';
import type { Damage } from '../../records/store.ts';
import { compact, duration } from '../../reports/formats/format.ts';
import { precisionOf, shardOption } from '../chosen.ts';
import { countOption, dataDirOf, engineOf, outOf, type RawOptions, suiteFile, UsageError } from '../options.ts';
import { bold, dim, jobName, print, printBlock, printError, printJson, shownPath, table } from '../output.ts';
import { mayLoad, tellUnloaded } from '../trust.ts';

export async function validateCommand(file: string | undefined, options: RawOptions & { schema?: boolean }): Promise<number> {
  if (options.schema) {
    printJson(suiteJsonSchema(new Registry()));
    return 0;
  }
  const { suite, registry } = await loadSuite(suiteFile(file), mayLoad(options));
  if (registry.unloaded.length > 0) return tellUnloaded(suite.file, registry, options.json);
  const trained = suite.defenses.filter((d) => d.kind === 'training').reduce((n, d) => n + d.trainings.length, 0);
  const counts = {
    models: trained * suite.seeds.length,
    attacks: suite.attacks.length,
  };
  if (options.json) printJson({ valid: true, suite: suite.name, ...counts });
  else
    print(
      `${shownPath(suite.file)} is valid: ${counts.models} models to train, ${suite.models.length} pretrained, ${counts.attacks} attacks`,
    );
  return 0;
}

export interface PlanOptions extends RawOptions {
  speed?: unknown;
}

export async function planCommand(file: string | undefined, options: PlanOptions, signal: AbortSignal): Promise<number> {
  const speed = speedOf(options.speed);
  const { suite, registry } = await loadSuite(suiteFile(file), mayLoad(options));
  if (registry.unloaded.length > 0) return tellUnloaded(suite.file, registry, options.json);
  const request = {
    engine: engineOf(options),
    workers: countOption('workers', options.workers, MOST_PROCESSORS),
    threads: countOption('threads', options.threads, MOST_PROCESSORS),
    precision: precisionOf(options),
  };
  const wanted = asked(suite, request);
  const probe = await probeEngine(wanted, signal);
  const engine = engineIdentity(probe.info);
  const slots = slotsOn(probe, suite, request);
  const { data, known } = await dataFor(suite, registry, options, signal);
  // to ask a model executes it
  const outside = await findOutside(suite, data, wanted.threads, signal, mayLoad(options));
  const plan = planRun(suite, registry, data, engine, outside);
  const onDamage = ({ what, reason }: Damage) => printError(`${shownPath(what)}: ${reason}`);
  const store = new FolderStore(outOf(options, suite), { onDamage });
  const done = await reusable(plan, await store.records(), store);
  const calibration = new Calibration(probe.info);
  for (const planned of [...plan.models, ...plan.cells]) {
    const record = done.get(planned.id);
    if (record) calibration.learn(planned, record);
  }
  const choice = shardOption(options.shard) ?? suite.engine.shard ?? (slots.length > 1 ? 'auto' : 'off');
  const shardsOf = (planned: Planned): { shards?: number } => {
    if (planned.kind === 'model' || done.has(planned.id)) return {};
    const size = imagesPerShard(planned, choice, calibration.seconds(planned), probe.info.device);
    return size === undefined ? {} : { shards: cut(planned.n, size).length };
  };
  const jobs = [...plan.models, ...plan.cells].map((planned) => ({
    job: jobName(planned),
    ...shardsOf(planned),
    state: done.has(planned.id) ? 'done' : 'to do',
    forward: planned.work.passes.forward,
    backward: planned.work.passes.backward,
    seconds: done.has(planned.id) ? 0 : calibration.seconds(planned),
  }));
  const seconds = jobs.reduce((sum, j) => sum + j.seconds, 0) / slots.length;
  const hours = speed && { speed, ...deviceHours(plan, speed, new Set(done.keys())) };
  if (options.json) {
    const all = { suite: suite.name, engine, workers: slots.length, dataIsHere: known, seconds, jobs, omitted: plan.omitted };
    printJson(hours ? { ...all, deviceHours: hours } : all);
    return 0;
  }
  print(`${bold(suite.title)}  ${dim(probe.why)}`);
  const named = (j: (typeof jobs)[number]) => (j.shards === undefined ? j.job : `${j.job}, in ${j.shards} shards`);
  const rows = jobs.map((j) => [
    named(j),
    j.state,
    compact(j.forward),
    compact(j.backward),
    j.seconds > 0 ? duration(j.seconds * 1000) : '-',
  ]);
  printBlock(table(['job', 'state', 'forward', 'backward', 'time'], rows, new Set([2, 3, 4])));
  for (const text of plan.omitted) print(dim(`left out: ${text}`));
  for (const text of endpointLines(suite, plan, done)) print(text);
  if (hours) printHours(hours);
  if (!known) print('data is not here yet: what is done cannot be told before it is');
  const left = jobs.filter((j) => j.state === 'to do').length;
  print(
    `${left} of ${jobs.length} jobs to do, about ${duration(seconds * 1000)} with ${slots.length} workers; passes are over all examples, at most`,
  );
  return 0;
}

/** `9000`, or `9000,15000`: GFLOP/s of training and of attacks. */
function speedOf(given: unknown): Speed | undefined {
  if (given === undefined) return undefined;
  const [training = Number.NaN, attacks = training, ...rest] = String(given).split(',').map(Number);
  if (!(training > 0 && attacks > 0) || !Number.isFinite(training + attacks) || rest.length > 0)
    throw new UsageError(`[--speed] expected GFLOP/s such as 9000, or 9000,15000 for training and attacks, got ${given}`);
  return { training, attacks };
}

function printHours({ speed, rows, total }: { speed: Speed; rows: readonly HoursRow[]; total: Hours }): void {
  const shown = (hours: number) => (hours >= 10 ? hours.toFixed(0) : hours.toPrecision(2));
  const numbers = ({ training, attacks, attacksAtMost }: Hours) => [training, attacks, attacksAtMost].map(shown);
  const lines = rows.map((row) => [row.architecture, row.dataset, String(row.trainings), ...numbers(row)]);
  const trainings = rows.reduce((sum, row) => sum + row.trainings, 0);
  const head = ['architecture', 'data set', 'trainings', 'training, h', 'attacks, h', 'at most, h'];
  printBlock(table(head, [...lines, ['all', '', String(trainings), ...numbers(total)]], new Set([2, 3, 4, 5])));
  print(
    `hours of one device at ${speed.training} GFLOP/s in training and ${speed.attacks} in attacks, as --speed says; attacks with half of their passes, and at most`,
  );
}

/** Of each model behind an endpoint, how many images it may be asked about, and what that costs where a price is known. */
function endpointLines(suite: Suite, { cells }: Plan, done: ReadonlyMap<string, unknown>): string[] {
  return suite.models.flatMap((model) => {
    if (!isOutside(model) || model.source.via !== 'http') return [];
    const { source } = model;
    const left = cells.filter((cell) => cell.model.job.name === model.name && !done.has(cell.id));
    const images = left.reduce((sum, { work }) => sum + work.passes.forward, 0);
    const price = source.price === undefined ? '' : `, at a price of ${Number(((images / 1000) * source.price).toPrecision(4))}`;
    const limit = limitOf(source);
    return [`${model.name} is asked about ${images} images at most${price}${limit ? `; ${limit.images} may be sent (${limit.why})` : ''}`];
  });
}

/** Data sets that are here; for one that is not, its limits stand in and nothing can be known to be done. */
async function dataFor(
  suite: Suite,
  registry: Registry,
  options: RawOptions,
  signal: AbortSignal,
): Promise<{ data: PlannedData[]; known: boolean }> {
  try {
    return { data: await prepareData(suite, registry, { dataDir: dataDirOf(options), download: false, signal }), known: true };
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    if (suite.datasets.some(({ ref }) => !formOf(registry.dataset(ref.name)))) throw error; // nothing is known of them but by their files
    print(dim(error.message));
  }
  const data = suite.datasets.map(({ label, ref: plugin, select }) => {
    const { counts = { train: 60_000, test: 10_000 } } = registry.dataset(plugin.name);
    const images = (selection: Selection) => ({ selection, hash: 'not here' });
    const train = images(select.train ?? firstImages(counts.train));
    const test = images(select.test ?? firstImages(counts.test));
    const attacked = attackedImages(suite, label, test.selection).map(images);
    const form = formOf(registry.dataset(plugin.name)) as DataForm;
    return { ref: { label, plugin, form, hash: 'not here', train, test }, attacked };
  });
  return { data, known: false };
}

/** Shape and classes of a data set whose plug-in states them. */
function formOf({ shape, classes }: DatasetPlugin): DataForm | undefined {
  return shape && classes !== undefined ? { shape, classes } : undefined;
}
