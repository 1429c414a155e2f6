/** The network of a model's evidence, from the bytes of its weights. */
import { RampartError } from '../errors.ts';
import type { Classifier } from '../models/classifier.ts';
import { fitWeights } from '../models/import/fit-weights.ts';
import { Network } from '../models/network.ts';
import { readSafetensors } from '../models/safetensors.ts';
import type { Evidence } from '../records/evidence/format.ts';
import { sha256 } from '../records/hash.ts';
import { NoDraws } from '../tensor/rng.ts';

/** What builds the network on the current engine, compiled for attacks; its caller owns what it builds. Throws where the bytes have not the SHA-256 of the record, or are no weights of its architecture. */
export function openModel(bytes: Uint8Array, model: Evidence['model']): () => Classifier {
  const found = sha256(bytes);
  if (found !== model.weightsHash)
    throw new RampartError(
      `[weights] these are not the weights of the record: expected SHA-256 ${model.weightsHash}, got ${found} (${bytes.length} bytes)`,
    );
  const { entries } = readSafetensors(bytes, model.name);
  const { arch, inputShape, normalization, bnEps, classNames } = model;
  const { graph, entries: fitted } = fitWeights({ kind: 'safetensors', entries, path: '' }, model.name, {
    arch,
    inputShape,
    classes: classNames.length,
    normalization,
    bnEps,
  });
  return () => {
    const network = new Network(arch, graph, new NoDraws());
    try {
      network.load(fitted, model.name);
      return network.freeze();
    } finally {
      network.dispose();
    }
  };
}
