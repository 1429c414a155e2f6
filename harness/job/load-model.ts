/** Classifiers from the store: weights by key, their hash checked, frozen for attacks, and wrapped where the record says so. */
import type { Dataset } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { bytesInMemory } from '../../models/import/bytes.ts';
import { type Imported, type ImportOptions, importWeights } from '../../models/import/import.ts';
import { loadScript, type ScriptOptions } from '../../models/import/torchscript.ts';
import { Network } from '../../models/network.ts';
import type { AnyCellRecord, ModelRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { NoDraws } from '../../tensor/rng.ts';
import { normalizationOf } from '../suite/recipe.ts';
import type { Registry } from '../suite/registry.ts';
import type { JobContext } from './context.ts';
import { openOutside } from './outside.ts';

/** A file of weights as a network, with what was found of it. Throws as `importWeights` does. The caller owns the network. */
export function networkFrom(
  bytes: Uint8Array,
  source: string,
  arch: string,
  dataset: Pick<Dataset, 'shape' | 'classNames'>,
  { families }: Registry,
  stated: Pick<ImportOptions, 'normalization' | 'bnEps'>,
): { network: Network; imported: Imported } {
  const options = { arch, inputShape: dataset.shape, classes: dataset.classNames.length, families, ...stated };
  const imported = importWeights(bytesInMemory(bytes, source), options);
  const network = new Network(arch, imported.graph, new NoDraws());
  network.load(imported.entries, source);
  return { network, imported };
}

/** What a TorchScript file must be for the data set. */
export function scriptOptions(source: string, { shape, classNames }: Pick<Dataset, 'shape' | 'classNames'>): ScriptOptions {
  return { source, inputShape: shape, classes: classNames.length };
}

/** The record of a model that is done; an error where it is not. */
export async function doneModel(key: string, store: Store): Promise<ModelRecord> {
  const record = await store.record('model', key);
  if (record?.status !== 'done') throw missing(`model ${key}`, store);
  return record;
}

/** The record of a cell that is done; an error where it is not. */
export async function doneCell(key: string, store: Store): Promise<AnyCellRecord> {
  const record = await store.record('cell', key);
  if (record?.status !== 'done') throw missing(`cell ${key}`, store);
  return record;
}

/** An artifact that a job was told of; an error where it is not there or damaged. `what` says what it is. */
export async function neededArtifact(hash: string, what: string, store: Store): Promise<Uint8Array> {
  const bytes = await store.artifact(hash);
  if (!bytes) throw missing(`${what} (SHA-256 ${hash})`, store);
  return bytes;
}

function missing(what: string, { place }: Store): RampartError {
  return new RampartError(`[store] ${what} is not there in ${place}`, { remedy: 'run the suite again' });
}

/** What a classifier is made for. */
export type DataForm = Pick<Dataset, 'shape' | 'classNames' | 'mean' | 'std'>;

/** The classifier of a model record, compiled for attacks; with `features` it shows those of a network that is known here. The caller owns it. */
export async function loadClassifier(
  key: string,
  dataset: DataForm,
  context: Pick<JobContext, 'registry' | 'store' | 'outside' | 'engine' | 'report'>,
  features = false,
): Promise<Classifier> {
  const { registry, store, outside, engine, report } = context;
  const record = await doneModel(key, store);
  const precision = engine.precision === 'bf16' ? 'bf16' : 'fp32';
  if (precision !== 'fp32' && (record.outside || record.imported?.kind === 'torchscript'))
    throw new RampartError(
      `[model ${record.name}] runs code of its own, whose precision is its own: expected precision fp32, got ${precision}`,
      {
        remedy: 'attack it in a run of precision: fp32',
      },
    );
  if (precision !== 'fp32' && features)
    throw new RampartError(`[model ${record.name}] features are of float32: expected precision fp32, got ${precision}`, {
      remedy: 'put attacks on features into a run of precision: fp32',
    });
  if (record.outside) return openOutside(record, { shape: dataset.shape, classes: dataset.classNames.length }, outside, engine, report);
  if (record.wraps !== undefined) {
    const plugin = registry.defense(record.defense.name);
    if (plugin.kind !== 'wrapper') throw new RampartError(`[model ${record.name}] ${plugin.name} is no wrapper`);
    const inner = await loadClassifier(record.wraps, dataset, context, features);
    return plugin.apply(record.defense.params, inner);
  }
  const bytes = await neededArtifact(record.weightsHash, `the weights of ${record.name}`, store);
  if (record.imported?.kind === 'torchscript') return loadScript(bytes, scriptOptions(record.imported.file, dataset));
  // a trained model has the normalisation of its data set, unless its recipe has none, and an imported one its own
  const { mean, std } = record.imported?.normalization ?? normalizationOf(dataset, record.recipe.normalize);
  const { network } = networkFrom(bytes, record.name, record.arch.name, dataset, registry, {
    normalization: { mean, std },
    bnEps: record.imported?.bnEps,
  });
  try {
    return network.freeze(precision, { features });
  } finally {
    network.dispose();
  }
}
