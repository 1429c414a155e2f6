/** Plug-in files by their hash: from where they are on this machine, else from the store. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RampartError } from '../../errors.ts';
import { sha256 } from '../../records/hash.ts';
import type { Store } from '../../records/store.ts';
import { loadRegistry, type Registry } from '../suite/registry.ts';
import type { PluginFiles } from './job.ts';
import { neededArtifact } from './load-model.ts';

/** Puts every file of the plug-ins that were loaded into the store, as they were when they were loaded. */
export async function putPlugins({ loaded }: Registry, store: Store): Promise<PluginFiles[]> {
  const plugins: PluginFiles[] = [];
  for (const parts of loaded) {
    const files: { path: string; hash: string }[] = [];
    for (const { path, bytes } of parts) files.push({ path, hash: await store.putArtifact(bytes) });
    plugins.push(files);
  }
  return plugins;
}

/** The plug-ins of this package and those of `plugins`. `nearby`: paths where their files may be, with what they import beside them. */
export async function loadPlugins(plugins: readonly PluginFiles[], nearby: readonly string[], store: Store): Promise<Registry> {
  const paths: string[] = [];
  for (const files of plugins) paths.push((await firstOf(nearby, files)) ?? (await fromStore(files, store)));
  return loadRegistry(paths);
}

/** The first path that has the files of a plug-in, whatever the first of them is called there. */
async function firstOf(nearby: readonly string[], [first, ...others]: PluginFiles): Promise<string | undefined> {
  const has = async (path: string, hash: string) => {
    const bytes = await readFile(path).catch(() => undefined);
    return bytes !== undefined && sha256(bytes) === hash;
  };
  for (const path of nearby) {
    if (!first || !(await has(path, first.hash))) continue;
    const there = await Promise.all(others.map((other) => has(join(dirname(path), other.path), other.hash)));
    if (there.every(Boolean)) return path;
  }
  return undefined;
}

/** Folders that a path goes up. */
const rises = (path: string) => path.split('/').filter((part) => part === '..').length;

/** Writes the files of a plug-in into a new folder, as they lay to each other, and gives the path of the first. */
async function fromStore(files: PluginFiles, store: Store): Promise<string> {
  const [first] = files;
  if (!first) throw new RampartError('[plugin] expected at least one file, got none');
  const root = await mkdtemp(join(tmpdir(), 'rampart-plugin-'));
  const folder = join(root, ...new Array<string>(Math.max(...files.map(({ path }) => rises(path)))).fill('in'));
  for (const { path, hash } of files) {
    const bytes = await neededArtifact(hash, `the file ${path} of the plug-in ${first.path}`, store);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return join(folder, first.path);
}
