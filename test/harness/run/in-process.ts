/** Runs jobs in this process, on wasm unless told otherwise: for tests of what a run does around its jobs. */
import type { Engine } from '../../../engines/engine.ts';
import { wasm } from '../../../engines/wasm/index.ts';
import { folderData } from '../../../harness/job/data.ts';
import type { Job, RunSettings } from '../../../harness/job/job.ts';
import { sourcesOf } from '../../../harness/job/outside.ts';
import { perform } from '../../../harness/job/perform.ts';
import { shownRange } from '../../../harness/run/cuts.ts';
import type { Machines } from '../../../harness/run/executor.ts';
import { runSuite } from '../../../harness/run/run.ts';
import type { RampartRecord } from '../../../records/record.ts';
import { comparable, type Store } from '../../../records/store.ts';
import { suiteWith } from '../suites.ts';

/** A defense and two attacks, with kept examples and so many batches that every job saves its state several times. */
export const TINY: Record<string, string> = {
  datasets: 'datasets: [{ name: shapes, train: 48, test: 12 }]',
  recipe: 'recipe: { epochs: 3, validation: 8, batchSize: 20 }',
  defenses: 'defenses: [standard]',
  attacks: 'attacks: [{ name: pgd, steps: 2 }, { name: square, queries: 12 }]',
  engine: 'engine: { name: wasm, batchSize: 4, workers: 1 }',
  keep: 'keepExamples: 2',
};

/** `before` hears of each job that is about to be done, and may throw in its place. */
export async function inProcess(
  store: Store,
  changes: Record<string, string> = TINY,
  engine: Engine = wasm,
  before: (job: Job, signal: AbortSignal) => unknown = () => undefined,
) {
  const { suite, registry } = await suiteWith(changes);
  const { signal } = new AbortController();
  const info = await engine.init({ threads: 1, device: 'cpu' });
  const outside = sourcesOf(suite, store.place);
  const performed: string[] = [];
  let settings: RunSettings | undefined;
  let asked = 0;
  const machines: Machines = {
    async probe() {
      asked++;
      return { info, devices: ['cpu'], why: engine.name };
    },
    executor: (given) => ({
      async run({ job, batchSize }, _engine, signal) {
        settings = given;
        performed.push(nameOf(job));
        await before(job, signal);
        const data = folderData(registry, '', signal);
        await perform(job, { settings: given, batchSize, registry, store, engine: info, data, outside, signal, report: () => undefined });
      },
      close: async () => undefined,
    }),
  };
  const notes: string[] = [];
  const listener = { note: (text: string) => notes.push(text) };
  const run = () => runSuite(suite, registry, { out: store.place, dataDir: '', download: false, signal, listener, store, machines });
  return { run, performed, settings: () => settings, probes: () => asked, notes };
}

function nameOf(job: Job): string {
  if (job.kind === 'model') return job.name;
  return job.kind === 'cell' ? job.attack.label : `${job.attack.label}, ${shownRange(job.range)}`;
}

/** What two runs must agree on: the records without times, with the examples kept of each. */
export async function contents(records: readonly RampartRecord[], store: Store): Promise<unknown> {
  return Promise.all(records.map(async (r) => [comparable(r), r.kind === 'cell' ? await store.examples(r) : undefined]));
}
