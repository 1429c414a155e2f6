/** The state of a training between two epochs as bytes: variables bit for bit, and what is not a tensor as JSON. */
import { RampartError } from '../../errors.ts';
import { type Entry, readSafetensors, writeSafetensors } from '../../models/safetensors.ts';
import { UnfitFile } from '../../records/plain-file.ts';
import { tf } from '../../tensor/tf.ts';
import { type Facts, factsSchema } from './facts.ts';

/** Raised when the same bytes would mean something else: a state of another format is of no use. */
const FORMAT = '2';

/** Where a training stands: its tensors by prefix and name, and the facts beside them. */
export interface TrainingState {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly facts: Facts;
}

function fail(what: string): never {
  throw new UnfitFile(`is no state of this training: ${what}`);
}

/** Variables by name, as they lie in memory. */
export async function readVariables(variables: ReadonlyMap<string, tf.Tensor>, prefix: string): Promise<[string, Entry][]> {
  const entries: [string, Entry][] = [];
  for (const [name, v] of variables) entries.push([prefix + name, { shape: [...v.shape], data: Float32Array.from(await v.data()) }]);
  return entries;
}

const shown = (shape: readonly number[] | undefined) => (shape ? `[${shape.join(', ')}]` : 'nothing');

/** Throws `UnfitFile` unless every variable, its name after its prefix, has an entry of its shape, and every entry a variable or a prefix of `others`. */
export function checkVariables(
  groups: readonly (readonly [prefix: string, variables: ReadonlyMap<string, tf.Tensor>])[],
  entries: ReadonlyMap<string, Entry>,
  others: readonly string[],
): void {
  const expected = new Map(groups.flatMap(([prefix, variables]) => [...variables].map(([name, v]) => [prefix + name, v.shape] as const)));
  for (const [name, shape] of expected) {
    const got = entries.get(name)?.shape;
    if (got?.join() !== shape.join()) fail(`it has ${shown(got)} for ${name}, expected ${shown(shape)}`);
  }
  for (const name of entries.keys())
    if (!expected.has(name) && !others.some((prefix) => name.startsWith(prefix))) fail(`it has ${name}, which this training lacks`);
}

/** Puts entries `prefix + name`, which must be there, back into the variables. */
export function restoreVariables(variables: ReadonlyMap<string, tf.Variable>, entries: ReadonlyMap<string, Entry>, prefix: string): void {
  for (const [name, v] of variables) {
    const { data, shape } = entries.get(prefix + name) as Entry;
    tf.tidy(() => v.assign(tf.tensor(data, shape)));
  }
}

/** Bytes of a checkpoint: tensors as safetensors, `facts` as JSON in its metadata. */
export function encodeCheckpoint(entries: Iterable<[string, Entry]>, facts: Facts): Uint8Array {
  return writeSafetensors(new Map(entries), { format: FORMAT, facts: JSON.stringify(facts) });
}

function read(bytes: Uint8Array) {
  try {
    return readSafetensors(bytes, 'checkpoint');
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return fail(error.message);
  }
}

/** Throws `UnfitFile` where the bytes are no state of a training, written in the format of this version. */
export function decodeCheckpoint(bytes: Uint8Array): TrainingState {
  const { entries, metadata } = read(bytes);
  if (metadata.format !== FORMAT) fail(`expected format ${FORMAT}, got ${metadata.format ?? 'none'}`);
  return { entries, facts: factsOf(metadata.facts ?? '') };
}

function factsOf(text: string): Facts {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail('expected its facts as JSON');
  }
  const { data, error } = factsSchema.safeParse(json);
  const [issue] = error?.issues ?? [];
  return data ?? fail(`${issue?.path.join('.')}: ${issue?.message}`);
}

/** Does what puts a state back; whatever a plug-in throws on it makes the state one that is of no use. */
export function orUnfit(work: () => void): void {
  try {
    work();
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}
