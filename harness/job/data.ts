/** Data sets as jobs load them: checked, with the selected images only, and the same as their run was planned with. */
import type { Dataset, LoadOptions } from '../../datasets/dataset.ts';
import { hashSplit, pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { EvaluationData } from '../evaluate/predict.ts';
import type { PluginRef, Registry } from '../suite/registry.ts';
import { firstImages, indicesIn, placesIn, reachOf, type Selection } from '../suite/selection.ts';
import { checkedDataset } from './check-data.ts';
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
  return checkedDataset(plugin, await plugin.load(params, options));
}

/** Where the images of a selection are among those of another that holds them all. */
export const placesOf = (whole: Selection, part: Selection) => placesIn(whole, part) as readonly number[];

/** The data set with the selected images only; the plug-in loaded the start of each split. */
export function selected(dataset: Dataset, select: { readonly train: Selection; readonly test: Selection }): Dataset {
  return { ...dataset, train: pick(dataset.train, indicesIn(select.train)), test: pick(dataset.test, indicesIn(select.test)) };
}

const changedSince = ({ label }: DataRef) =>
  new RampartError(`[data set ${label}] is not what the run was planned with: its files changed`, { remedy: 'run the suite again' });

/** The selected images: of both splits, or of the test split alone. Its images are not looked at. */
async function loadData(ref: DataRef, need: 'both' | 'test', registry: Registry, dataDir: string, signal: AbortSignal): Promise<Dataset> {
  const train = need === 'both' ? ref.train.selection : firstImages(0);
  const limit = { train: reachOf(train), test: reachOf(ref.test.selection) };
  const loaded = await checkedData(ref.plugin, registry, { dataDir, limit, download: false, signal });
  if (loaded.train.n < limit.train || loaded.test.n < limit.test) throw changedSince(ref);
  return selected(loaded, { train, test: ref.test.selection });
}

/** Is told between pieces of what is read; what it throws ends the reading. */
type OnPiece = () => void;

/** Reads the training images once: they must be those that the run was planned with. */
export async function checkTraining({ train, shape }: Dataset, ref: DataRef, onPiece: OnPiece): Promise<void> {
  if ((await hashSplit(train, shape, onPiece)) !== ref.train.hash) throw changedSince(ref);
}

/** The examples of a cell, out of its data set's test images. They are read once: they must be those that the run was planned with. */
export async function examplesOf({ test, shape }: Dataset, ref: DataRef, images: Images, onPiece: OnPiece): Promise<EvaluationData> {
  const examples = pick(test, placesOf(ref.test.selection, images.selection));
  if ((await hashSplit(examples, shape, onPiece)) !== images.hash) throw changedSince(ref);
  return { ...examples, shape, indices: indicesIn(images.selection) };
}

/** Where jobs find their data, by what their runs were planned with. */
export interface DataSource {
  /** With both splits, to train. */
  both(ref: DataRef): Promise<Dataset>;
  /** Without its training split. The next job may be given the same. */
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
