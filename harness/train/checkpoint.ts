/** The state of a training between two epochs as bytes: variables bit for bit, and what is not a tensor as JSON. */
import { RampartError } from '../../errors.ts';
import { type Entry, readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { tf } from '../../tensor/tf.ts';

/** Variables by name, as they lie in memory. */
export async function readVariables(variables: ReadonlyMap<string, tf.Tensor>, prefix: string): Promise<[string, Entry][]> {
  const entries: [string, Entry][] = [];
  for (const [name, v] of variables) entries.push([prefix + name, { shape: [...v.shape], data: Float32Array.from(await v.data()) }]);
  return entries;
}

/** Puts entries `prefix + name` back into the variables. Throws when one is missing or misshapen. */
export function restoreVariables(variables: ReadonlyMap<string, tf.Variable>, entries: ReadonlyMap<string, Entry>, prefix: string): void {
  for (const [name, v] of variables) {
    const entry = entries.get(prefix + name);
    if (entry?.shape.join() !== v.shape.join())
      throw new RampartError(
        `[train] the checkpoint has ${entry ? `[${entry.shape.join(', ')}]` : 'nothing'} for ${prefix}${name}, expected [${v.shape.join(', ')}]`,
        { remedy: 'delete it to train from the start' },
      );
    tf.tidy(() => v.assign(tf.tensor(entry.data, entry.shape)));
  }
}

/** Bytes of a checkpoint: tensors as safetensors, `facts` as JSON in its metadata. */
export function encodeCheckpoint(entries: Iterable<[string, Entry]>, facts: unknown): Uint8Array {
  return writeSafetensors(new Map(entries), { facts: JSON.stringify(facts) });
}

export function decodeCheckpoint(bytes: Uint8Array): { entries: Map<string, Entry>; facts: unknown } {
  const { entries, metadata } = readSafetensors(bytes, 'checkpoint');
  return { entries, facts: JSON.parse(metadata.facts ?? 'null') };
}
