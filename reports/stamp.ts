/** Whether a site that is there is the one that would be written now, told without making it or reading its pages. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TakenCounterexamples } from '../records/evidence/counterexample.ts';
import { fileIdentity } from '../records/file-identity.ts';
import { sha256 } from '../records/hash.ts';
import type { RampartRecord } from '../records/record.ts';
import { MANIFEST, pathsIn } from './formats/manifest.ts';
import { templatesFolder } from './formats/templates.ts';

/** Folders beside this one with what a site is made by, the checker in it included. */
const PROGRAM = ['attacks', 'browser', 'engines/wasm', 'harness/evaluate', 'models', 'records', 'reports', 'tensor'];

interface SiteMaterial {
  readonly title: string;
  readonly description?: string;
  readonly weights?: boolean;
  readonly found?: readonly Pick<TakenCounterexamples, 'file' | 'bytes'>[];
}

/** What a site is a function of, as one hash: the records, which name their examples by hash, counterexamples, its title and description, the templates and the program. */
export function sourcesOf(records: readonly RampartRecord[], { title, description, found = [], weights }: SiteMaterial): string {
  const templates = templatesFolder();
  const folders = [templates, ...PROGRAM.map((name) => fileURLToPath(new URL(`../${name}`, import.meta.url)))];
  const files = folders.flatMap((folder) => (readdirSync(folder, { recursive: true }) as string[]).map((path) => join(folder, path)));
  const program = [join(templates, '../package.json'), ...files].sort().map(fileIdentity);
  const own = found.map(({ file, bytes }) => [file, sha256(bytes)]);
  return sha256(JSON.stringify([program, title, description, records, own, weights]));
}

/** A site as it lies in a folder and what it was made from, as one hash: another one once a file of it was changed. Undefined where one is missing. */
export function stampOf(sources: string, site: string): string | undefined {
  try {
    const manifest = readFileSync(join(site, MANIFEST), 'utf8');
    const files = [MANIFEST, ...pathsIn(manifest)].map((path) => fileIdentity(join(site, path)));
    return files.includes(undefined) ? undefined : sha256(JSON.stringify([sources, manifest, files]));
  } catch {
    return undefined; // no manifest, or a folder that cannot be read
  }
}
