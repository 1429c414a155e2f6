/** Classifiers from the store: weights by key, their hash checked, frozen for attacks, and wrapped where the record says so. */
import type { Dataset } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import type { ArchSetup } from '../../models/architecture.ts';
import type { Classifier } from '../../models/classifier.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { readSafetensors } from '../../models/safetensors.ts';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
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
  const record = await store.record('model', key);
  if (record?.status !== 'done') throw missing(`model ${key}`, store);
  return record;
}

/** The record of a cell that is done; an error where it is not. */
export async function doneCell(key: string, store: Store): Promise<CellRecord> {
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

/** The classifier of a model record, compiled for attacks. The caller owns it. */
export async function loadClassifier(key: string, dataset: Dataset, registry: Registry, store: Store): Promise<Classifier> {
  const record = await doneModel(key, store);
  if (record.wraps !== undefined) {
    const plugin = registry.defense(record.defense.name);
    if (plugin.kind !== 'wrapper') throw new RampartError(`[model ${record.name}] ${plugin.name} is no wrapper`);
    const inner = await loadClassifier(record.wraps, dataset, registry, store);
    return plugin.apply(record.defense.params, inner);
  }
  const bytes = await neededArtifact(record.weightsHash, `the weights of ${record.name}`, store);
  const own = record.defense.params as { mean?: number[]; std?: number[] };
  const network = networkFrom(bytes, record.name, record.arch.name, setupFor(dataset, record.defense.kind === 'pretrained' ? own : {}));
  const frozen = network.freeze();
  network.dispose();
  return frozen;
}
