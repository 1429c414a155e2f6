/** Data sets of a suite, loaded once before anything runs: broken data stops a run at its start, and keys hold the hash of what was read. */
import type { Dataset, Split } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import { sha256 } from '../../records/hash.ts';
import type { Registry } from '../suite/registry.ts';
import type { Suite, SuiteDataset } from '../suite/suite.ts';
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
    const dataset = await registry.dataset(entry.ref.name).load(entry.ref.params, { ...options, limit: entry.limit });
    refs.push(dataRef(entry, dataset));
  }
  return refs;
}

const splitHash = (split: Split) => sha256(split.images, split.labels);

export function dataRef({ label, ref: plugin, limit }: SuiteDataset, dataset: Dataset): DataRef {
  const { hash, train, test } = dataset;
  return { label, plugin, limit, hash, trainHash: splitHash(train), testHash: splitHash(test), train: train.n, test: test.n };
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
  const dataset = await registry.dataset(ref.plugin.name).load(ref.plugin.params, { dataDir, limit, download: false, signal });
  const same = splitHash(dataset.test) === ref.testHash && (need === 'test' || splitHash(dataset.train) === ref.trainHash);
  if (!same)
    throw new RampartError(`[data set ${ref.label}] is not what the run was planned with: its files changed`, {
      remedy: 'run the suite again',
    });
  return dataset;
}
