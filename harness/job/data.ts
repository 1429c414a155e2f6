/** Data sets of a suite, loaded once before anything runs: broken data stops a run at its start, and keys hold the hash of what was read. */
import type { Dataset, LoadOptions, Split } from '../../datasets/dataset.ts';
import { hashSplit, hashSplits, pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { EvaluationData } from '../evaluate/predict.ts';
import type { PluginRef, Registry } from '../suite/registry.ts';
import { attacked, firstImages, indicesIn, placesIn, reachOf, type Selection, shown } from '../suite/selection.ts';
import type { Suite, SuiteDataset } from '../suite/suite.ts';
import { checkDataset } from './check-data.ts';
import type { DataRef, Images } from './job.ts';

export interface DataOptions {
  readonly dataDir: string;
  readonly download: boolean;
  readonly signal: AbortSignal;
  onProgress?(message: string, done: number, total: number): void;
}

/** A data set as a plan needs it. */
export interface PlannedData {
  readonly ref: DataRef;
  /** The test images of every attack of the suite, in its order. */
  readonly attacked: readonly Images[];
}

/** Every data set of the suite, in its order. Memory is freed again: workers load what they need. */
export async function prepareData(suite: Suite, registry: Registry, options: DataOptions): Promise<PlannedData[]> {
  const prepared: PlannedData[] = [];
  for (const entry of suite.datasets) {
    const { train, test } = entry.select;
    const limit = { train: train && reachOf(train), test: test && reachOf(test) };
    prepared.push(plannedData(entry, await checkedData(entry.ref, registry, { ...options, limit }), suite));
  }
  return prepared;
}

/** What a plug-in loads, this package's or a foreign one, checked. */
async function checkedData({ name, params }: PluginRef, registry: Registry, options: LoadOptions): Promise<Dataset> {
  const plugin = registry.dataset(name);
  const dataset = await plugin.load(params, options);
  checkDataset(plugin, dataset);
  return dataset;
}

function plannedData({ label, ref: plugin, select }: SuiteDataset, dataset: Dataset, suite: Suite): PlannedData {
  const { shape } = dataset;
  const trains = suite.defenses.some((d) => d.kind === 'training');
  const chosen = (part: 'train' | 'test'): Selection => {
    const { n } = dataset[part];
    const selection = select[part] ?? firstImages(n);
    const refuse = (expected: string, got: string) => {
      throw new RampartError(`[data set ${label}] ${part}: expected ${expected}, got ${got}`, {
        remedy: `look at datasets in ${suite.file}`,
      });
    };
    if (reachOf(selection) > n) refuse(`images of the ${n} there are`, shown(selection));
    if (n === 0 && (part === 'test' || trains)) refuse('at least one image', 'none');
    return selection;
  };
  const selections = { train: chosen('train'), test: chosen('test') };
  const { train, test } = selected(dataset, selections);
  const imagesOf = (split: Split, selection: Selection): Images => ({ selection, hash: hashSplit(split) });
  const ref: DataRef = {
    label,
    plugin,
    hash: hashSplits(shape, train, test),
    train: imagesOf(train, selections.train),
    test: imagesOf(test, selections.test),
  };
  const known = new Map([[JSON.stringify(ref.test.selection), ref.test]]);
  const imagesOfAttack = (n: number | Selection | undefined, i: number): Images => {
    const selection = testImages(suite, i, label, ref.test.selection, n);
    const found = known.get(JSON.stringify(selection));
    if (found) return found;
    const images = imagesOf(pick(test, placesOf(selections.test, selection), shape), selection);
    known.set(JSON.stringify(selection), images);
    return images;
  };
  return { ref, attacked: suite.attacks.map(({ n }, i) => imagesOfAttack(n, i)) };
}

/** The test images of attack `i` of the suite. */
export function testImages(suite: Suite, i: number, label: string, test: Selection, n: number | Selection | undefined): Selection {
  try {
    return attacked(test, n);
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    throw new RampartError(`[suite ${suite.file}] attacks[${i}].n: ${error.message} on data set ${label}`);
  }
}

const placesOf = (whole: Selection, part: Selection) => placesIn(whole, part) as readonly number[];

/** The data set with the selected images only; the plug-in loaded the start of each split. */
function selected(dataset: Dataset, select: { readonly train: Selection; readonly test: Selection }): Dataset {
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
