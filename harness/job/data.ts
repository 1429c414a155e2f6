/** Data sets as jobs load them: checked, with the selected images only, and the same as their run was planned with. */
import type { Dataset, LoadOptions } from '../../datasets/dataset.ts';
import { hashSplit, pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { EvaluationData } from '../evaluate/predict.ts';
import type { PluginRef, Registry } from '../suite/registry.ts';
import { firstImages, indicesIn, placesIn, reachOf, type Selection } from '../suite/selection.ts';
import { checkDataset } from './check-data.ts';
import type { DataRef, Images } from './job.ts';

export interface DataOptions {
  readonly dataDir: string;
  readonly download: boolean;
  readonly signal: AbortSignal;
  onProgress?(message: string, done: number, total: number): void;
}

/** What a plug-in loads, this package's or a foreign one, checked. */
export async function checkedData({ name, params }: PluginRef, registry: Registry, options: LoadOptions): Promise<Dataset> {
  const plugin = registry.dataset(name);
  const dataset = await plugin.load(params, options);
  checkDataset(plugin, dataset);
  return dataset;
}

/** Where the images of a selection are among those of another that holds them all. */
export const placesOf = (whole: Selection, part: Selection) => placesIn(whole, part) as readonly number[];

/** The data set with the selected images only; the plug-in loaded the start of each split. */
export function selected(dataset: Dataset, select: { readonly train: Selection; readonly test: Selection }): Dataset {
  const { shape } = dataset;
  const train = pick(dataset.train, indicesIn(select.train), shape);
  return { ...dataset, train, test: pick(dataset.test, indicesIn(select.test), shape) };
}

/** With both splits to train, or with the test split alone. It must be what the run was planned with. */
async function loadData(ref: DataRef, need: 'both' | 'test', registry: Registry, dataDir: string, signal: AbortSignal): Promise<Dataset> {
  const train = need === 'both' ? ref.train.selection : firstImages(0);
  const limit = { train: reachOf(train), test: reachOf(ref.test.selection) };
  const loaded = await checkedData(ref.plugin, registry, { dataDir, limit, download: false, signal });
  const changed = new RampartError(`[data set ${ref.label}] is not what the run was planned with: its files changed`, {
    remedy: 'run the suite again',
  });
  if (loaded.train.n < limit.train || loaded.test.n < limit.test) throw changed;
  const dataset = selected(loaded, { train, test: ref.test.selection });
  const same = hashSplit(dataset.test) === ref.test.hash && (need === 'test' || hashSplit(dataset.train) === ref.train.hash);
  if (!same) throw changed;
  return dataset;
}

/** The examples of a cell, out of its data set's test images. */
export function examplesOf({ test, shape }: Dataset, ref: DataRef, { selection }: Images): EvaluationData {
  const { n, images, labels } = pick(test, placesOf(ref.test.selection, selection), shape);
  return { images, labels, shape, n, indices: indicesIn(selection) };
}

/** Where jobs find their data, by what their runs were planned with. */
export interface DataSource {
  /** With both splits, to train. */
  both(ref: DataRef): Promise<Dataset>;
  /** Without its training split, for reading only: the next job may be given the same. */
  test(ref: DataRef): Promise<Dataset>;
}

/** Data sets below a folder, which must be there. The last one that was attacked is kept for the next job. */
export function folderData(registry: Registry, dataDir: string, signal: AbortSignal): DataSource {
  let held: { readonly identity: string; readonly data: Dataset } | undefined;
  return {
    both: (ref) => loadData(ref, 'both', registry, dataDir, signal),
    async test(ref) {
      const identity = JSON.stringify([ref.plugin, ref.test]);
      if (held?.identity !== identity) held = { identity, data: await loadData(ref, 'test', registry, dataDir, signal) };
      return held.data;
    },
  };
}
