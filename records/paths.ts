/** The one file that knows where in the folder of a store things lie. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Kind } from './store.ts';

export const CHECKPOINT = '.checkpoint.bin';

/** Where things lie, relative to the folder. */
export const PATHS = {
  index: 'run.json',
  id: 'id',
  record: (kind: Kind, key: string) => (kind === 'model' ? `models/${key}/record.json` : `${kind}s/${key}.json`),
  checkpoint: (kind: Kind, key: string) => (kind === 'model' ? `models/${key}/checkpoint.bin` : `${kind}s/${key}${CHECKPOINT}`),
  examples: (key: string) => `cells/${key}.examples.safetensors`,
  artifact: (hash: string) => `artifacts/${hash}`,
  images: (hash: string) => `images/${hash}.safetensors`,
  labels: (hash: string) => `labels/${hash}.json`,
  claim: (kind: Kind, key: string) => `claims/${kind}-${key}.lock`,
  work: (kind: Kind, key: string) => `claims/${kind}-${key}.work`,
  damaged: 'damaged',
  /** The folder of what others found against the records. */
  counterexamples: 'counterexamples',
};
export const FOLDERS = ['models', 'cells', 'shards', 'artifacts', 'images', 'labels', 'claims'];

/** What a file of a store is that others may be given; `id` is its key, or the hash of an artifact, of images or of labels, or the name of counterexamples. */
export interface Place {
  readonly is: 'model' | 'cell' | 'examples' | 'artifact' | 'images' | 'labels' | 'counterexamples';
  readonly id: string;
}

const PLACES: readonly (readonly [Place['is'], RegExp])[] = [
  ['model', /^models\/([0-9a-f]{24})\/record\.json$/],
  ['cell', /^cells\/([0-9a-f]{24})\.json$/],
  ['examples', /^cells\/([0-9a-f]{24})\.examples\.safetensors$/],
  ['artifact', /^artifacts\/([0-9a-f]{64})$/],
  ['images', /^images\/([0-9a-f]{64})\.safetensors$/],
  ['labels', /^labels\/([0-9a-f]{64})\.json$/],
  ['counterexamples', /^counterexamples\/([A-Za-z0-9][A-Za-z0-9._-]{0,150})\.safetensors$/],
];
/** For people. */
export const PLACES_IN_WORDS =
  'models/<key>/record.json, cells/<key>.json, labels/<SHA-256>.json, images/<SHA-256>.safetensors, counterexamples/<name>.safetensors or artifacts/<SHA-256>, with a key of 24 hex digits';

/** What lies at a path relative to the folder, with forward slashes; undefined for what is not of a result. */
export function placeAt(path: string): Place | undefined {
  for (const [is, pattern] of PLACES) {
    const id = pattern.exec(path)?.[1];
    if (id !== undefined) return { is, id };
  }
  return undefined;
}

/** The folder itself, or the nearest one above it that is there. */
export function nearestFolder(dir: string): string {
  let folder = resolve(dir);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}
