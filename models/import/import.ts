/** A file of weights as a network of a named architecture: read and fitted. */
import type { ByteSource } from './bytes.ts';
import { fitWeights, type Imported, type ImportOptions } from './fit-weights.ts';
import { readWeights } from './weights.ts';

export { type Imported, type ImportOptions, type Normalization, nearestArchitecture } from './fit-weights.ts';

/** Reads and fits; throws as both do. */
export function importWeights(source: ByteSource, options: ImportOptions): Imported {
  return fitWeights(readWeights(source), source.name, options);
}
