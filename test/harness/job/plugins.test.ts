/** Plug-ins from the store alone: what a worker has on a machine where the user's files are not. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadPlugins, putPlugins } from '../../../harness/job/plugins.ts';
import { loadRegistry } from '../../../harness/suite/registry.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { freshFolder } from '../folders.ts';

const ATTACK = `import { radius } from './parts/radius.ts';
import { half } from '../shared/half.mjs';
import { Rng } from 'rampart';
const place: string = import.meta.url;
export default { name: 'mine', title: String(half(radius)), source: place, paper: '', version: 1, access: 'scores', norms: ['Linf'], params: {}, cost() {}, create: () => new Rng('a') };
`;

const FILES: Record<string, string> = {
  'project/own/mine.ts': ATTACK,
  'project/own/parts/radius.ts': `import table from './table.json';\nexport const radius: number = table.radius;\n`,
  'project/own/parts/table.json': '{ "radius": 16 }\n',
  'project/shared/half.mjs': 'export const half = (x) => x / 2;\n',
};

function write(files: Record<string, string>): string {
  const folder = freshFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** What a plug-in says that it is, and the folder that it was loaded from. */
function mine(registry: Awaited<ReturnType<typeof loadRegistry>>) {
  const plugin = registry.attack('mine');
  const { source } = plugin as unknown as { source: string };
  return { ref: registry.ref(plugin, {}), title: plugin.title, file: fileURLToPath(source) };
}

async function stored() {
  const folder = write(FILES);
  const path = join(folder, 'project/own/mine.ts');
  const registry = await loadRegistry([path]);
  const store = new FolderStore(freshFolder());
  return { path, folder, store, original: mine(registry), plugins: await putPlugins(registry, store) };
}

test('a plug-in of several files is loaded from the store where none of them is near, and is the same plug-in', async () => {
  const { folder, store, original, plugins } = await stored();
  rmSync(folder, { recursive: true });
  expect(plugins.map((files) => files.map(({ path }) => path))).toEqual([
    ['mine.ts', '../shared/half.mjs', 'parts/radius.ts', 'parts/table.json'],
  ]);
  const { ref, title, file } = mine(await loadPlugins(plugins, [], store));
  expect(title).toBe('8');
  expect(ref).toEqual(original.ref);
  expect(ref.source).toMatch(/^[0-9a-f]{64}$/);
  expect(existsSync(original.file)).toBe(false);
  expect(readFileSync(file, 'utf8')).toBe(ATTACK);
});

test('where the files are near, they are loaded from where they are', async () => {
  const { path, store, plugins, original } = await stored();
  expect(mine(await loadPlugins(plugins, [path], store))).toEqual({ ...original, file: path });
});

test('files near by of which an imported one was changed are not those of the run: the store has them', async () => {
  const { path, folder, store, plugins, original } = await stored();
  writeFileSync(join(folder, 'project/shared/half.mjs'), 'export const half = (x) => x / 4;\n');
  const { ref, title, file } = mine(await loadPlugins(plugins, [path], store));
  expect([ref, title]).toEqual([original.ref, '8']);
  expect(file).not.toBe(path);
});

test('a file that the store lacks is named', async () => {
  const { store, plugins } = await stored();
  const hash = plugins[0]?.find(({ path }) => path === 'parts/radius.ts')?.hash as string;
  rmSync(join(store.place, 'artifacts', hash));
  await expect(loadPlugins(plugins, [], store)).rejects.toThrow(
    `[store] the file parts/radius.ts of the plug-in mine.ts (SHA-256 ${hash}) is not there in ${store.place}`,
  );
});

test('another file of the same place is not taken for a plug-in of one file', async () => {
  const text = (title: string) =>
    `export default { name: 'mine', title: '${title}', source: import.meta.url, paper: '', version: 1, access: 'scores', norms: ['Linf'], params: {}, cost() {}, create() {} };`;
  const folder = write({ 'one/mine.mjs': text('this'), 'two/mine.mjs': text('that') });
  const store = new FolderStore(freshFolder());
  const registry = await loadRegistry([join(folder, 'one/mine.mjs')]);
  const plugins = await putPlugins(registry, store);
  const near = [join(folder, 'nowhere.mjs'), join(folder, 'two/mine.mjs')];
  expect(mine(await loadPlugins(plugins, near, store)).title).toBe('this');
  // whatever the file is called, and wherever among those near by
  const same = join(folder, 'one/mine.mjs');
  expect(mine(await loadPlugins(plugins, [...near, same], store))).toMatchObject({ title: 'this', file: same });
});
