/** Plug-in files by their hash: from where they are on this machine, else from the store. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sha256 } from '../../records/hash.ts';
import type { Store } from '../../records/store.ts';
import { loadRegistry, type Registry } from '../suite/registry.ts';
import type { PluginFile } from './job.ts';
import { neededArtifact } from './load-model.ts';

/** The plug-ins of this package and those of `plugins`. `nearby`: paths where their files may be, with what they import beside them. */
export async function loadPlugins(plugins: readonly PluginFile[], nearby: readonly string[], store: Store): Promise<Registry> {
  const here = new Map<string, string>();
  for (const path of nearby) {
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes) here.set(sha256(bytes), path);
  }
  const paths: string[] = [];
  for (const { file, hash } of plugins) paths.push(here.get(hash) ?? (await fromStore(file, hash, store)));
  return loadRegistry(paths);
}

async function fromStore(file: string, hash: string, store: Store): Promise<string> {
  const bytes = await neededArtifact(hash, `the plug-in ${file}`, store);
  const path = join(await mkdtemp(join(tmpdir(), 'rampart-plugin-')), basename(file));
  await writeFile(path, bytes);
  return path;
}
