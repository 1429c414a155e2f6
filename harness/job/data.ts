/** Data sets of a suite, loaded once before anything runs: broken data stops a run at its start, and keys hold the hash of what was read. */
import type { Dataset, LoadOptions } from '../../datasets/dataset.ts';
import { hashSplit, hashSplits } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { PluginRef, Registry } from '../suite/registry.ts';
import type { Suite, SuiteDataset } from '../suite/suite.ts';
import { checkDataset } from './check-data.ts';
import type { DataRef } from './job.ts';

export interface DataOptions {
  readonly dataDir: string;
  readonly download: boolean;
  readonly signal: AbortSignal;
  onProgress?(message: string, done: number, total: number): void;
}

/** Every data set of the suite, in its order. Memory is freed again: workers load what they need. */
export async function prepareData(suite: Suite, registry: Registry, options: DataOptions): Promise<DataRef[]> {
  const refs: DataRef[] = [];
  for (const entry of suite.datasets) {
    const dataset = await checkedData(entry.ref, registry, { ...options, limit: entry.limit });
    refs.push(dataRef(entry, dataset));
  }
  return refs;
}

/** What a plug-in loads, this package's or a foreign one, checked. */
async function checkedData({ name, params }: PluginRef, registry: Registry, options: LoadOptions): Promise<Dataset> {
  const plugin = registry.dataset(name);
  const dataset = await plugin.load(params, options);
  checkDataset(plugin, dataset);
  return dataset;
}

export function dataRef({ label, ref: plugin, limit }: SuiteDataset, dataset: Dataset): DataRef {
  const { shape, train, test } = dataset;
  const hash = hashSplits(shape, train, test);
  return { label, plugin, limit, hash, trainHash: hashSplit(train), testHash: hashSplit(test), train: train.n, test: test.n };
}

/** The data set of a job, in a worker: with both splits to train, or with the test split alone. It must be what the run was planned with. */
export async function loadData(
  ref: DataRef,
  need: 'both' | 'test',
  registry: Registry,
  dataDir: string,
  signal: AbortSignal,
): Promise<Dataset> {
  const limit = need === 'both' ? ref.limit : { ...ref.limit, train: 0 };
  const dataset = await checkedData(ref.plugin, registry, { dataDir, limit, download: false, signal });
  const same = hashSplit(dataset.test) === ref.testHash && (need === 'test' || hashSplit(dataset.train) === ref.trainHash);
  if (!same)
    throw new RampartError(`[data set ${ref.label}] is not what the run was planned with: its files changed`, {
      remedy: 'run the suite again',
    });
  return dataset;
}
