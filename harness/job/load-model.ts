/** Classifiers from the store: weights by key, their hash checked, frozen for attacks, and wrapped where the record says so. */
import type { Dataset } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import type { ArchSetup } from '../../models/architecture.ts';
import type { Classifier } from '../../models/classifier.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { readSafetensors } from '../../models/safetensors.ts';
import type { Store } from '../../records/folder-store.ts';
import { sha256 } from '../../records/hash.ts';
import type { ModelRecord } from '../../records/record.ts';
import { Rng } from '../../tensor/rng.ts';
import type { Registry } from '../suite/registry.ts';

/** Draws nothing: for a network whose weights are about to be loaded. */
class NoDraws extends Rng {
  override fork(): Rng {
    return this;
  }
  override uniform(n: number): Float32Array<ArrayBuffer> {
    return new Float32Array(n);
  }
  override normal(n: number): Float32Array<ArrayBuffer> {
    return new Float32Array(n);
  }
}

/** A network of zeros, to load weights into. The caller owns it. */
export function blankNetwork(arch: string, setup: ArchSetup): Network {
  return createNetwork(arch, setup, new NoDraws('no draws'));
}

/** What an architecture needs to know of a data set; a pretrained model may bring its own normalisation. */
export function setupFor(dataset: Dataset, own: { mean?: readonly number[]; std?: readonly number[] } = {}): ArchSetup {
  return { inputShape: dataset.shape, classes: dataset.classNames.length, mean: own.mean ?? dataset.mean, std: own.std ?? dataset.std };
}

/** A network with the weights in `bytes`; a file whose entries do not fit is refused with their names. The caller owns it. */
export function networkFrom(bytes: Uint8Array, source: string, arch: string, setup: ArchSetup): Network {
  const { entries } = readSafetensors(bytes, source);
  const network = blankNetwork(arch, setup);
  try {
    network.load(entries, source);
    return network;
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** The record of a model that is done; an error where it is not. */
export async function doneModel(key: string, store: Store): Promise<ModelRecord> {
  const record = await store.modelRecord(key);
  if (record?.status !== 'done')
    throw new RampartError(`[store] model ${key} is not there in ${store.dir}`, { remedy: 'run the suite again' });
  return record;
}

/** The classifier of a model record, compiled for attacks. The caller owns it. */
export async function loadClassifier(key: string, dataset: Dataset, registry: Registry, store: Store): Promise<Classifier> {
  const record = await doneModel(key, store);
  if (record.wraps !== undefined) {
    const plugin = registry.defense(record.defense.name);
    if (plugin.kind !== 'wrapper') throw new RampartError(`[model ${record.name}] ${plugin.name} is no wrapper`);
    const inner = await loadClassifier(record.wraps, dataset, registry, store);
    return plugin.apply(record.defense.params, inner);
  }
  const bytes = await store.weights(key);
  const hash = sha256(bytes);
  if (hash !== record.weightsHash)
    throw new RampartError(
      `[model ${record.name}] weights of ${key} have SHA-256 ${hash}, the record says ${record.weightsHash}: the file was changed`,
      {
        remedy: `delete models/${key} in ${store.dir} and run again`,
      },
    );
  const own = record.defense.params as { mean?: number[]; std?: number[] };
  const network = networkFrom(bytes, record.name, record.arch.name, setupFor(dataset, record.defense.kind === 'pretrained' ? own : {}));
  const frozen = network.freeze();
  network.dispose();
  return frozen;
}
