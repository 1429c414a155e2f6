import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadRegistry } from '../../../harness/suite/registry.ts';
import { freshFolder } from '../folders.ts';

const PLUGIN = `export default { name: 'NAME', title: 't', paper: '', version: 1, access: 'scores', norms: ['Linf'], params: {}, cost() {}, create() {} };\n`;

function file(text: string, name = 'plugin.mjs'): string {
  const path = join(freshFolder(), name);
  writeFileSync(path, text);
  return path;
}

test('a plug-in from a file is found by its name, and its content is part of its identity', async () => {
  const one = file(PLUGIN.replace('NAME', 'mine'));
  const registry = await loadRegistry([one]);
  const other = await loadRegistry([file(`// changed\n${PLUGIN.replace('NAME', 'mine')}`)]);
  const ref = (r: typeof registry) => r.ref(r.attack('mine'), { a: 1 });
  expect(ref(registry)).toMatchObject({ name: 'mine', version: 1, params: { a: 1 } });
  expect(ref(registry).source).not.toBe(ref(other).source);
});

test('a plug-in of this package has no source hash', async () => {
  const registry = await loadRegistry([]);
  expect(registry.ref(registry.attack('pgd'), {}).source).toBeUndefined();
});

test('a file may export several plug-ins', async () => {
  const both = `const a = (name) => ({ name, title: 't', paper: '', version: 1, access: 'scores', norms: [], params: {}, cost() {}, create() {} });\nexport default [a('one'), a('two')];\n`;
  const registry = await loadRegistry([file(both)]);
  expect([registry.attack('one').name, registry.attack('two').name]).toEqual(['one', 'two']);
});

test('a name that is taken is refused', async () => {
  await expect(loadRegistry([file(PLUGIN.replace('NAME', 'pgd'))])).rejects.toThrow('the name "pgd" is taken by another plug-in');
});

test('a file without a plug-in says what is missing', async () => {
  const none = file('export const a = 1;\n');
  await expect(loadRegistry([none])).rejects.toThrow(`[plugin ${none}] expected a plug-in as the default export, got none`);
  await expect(loadRegistry([file(`export default { name: 'x', kind: 'training' };\n`)])).rejects.toThrow(
    'the training plug-in lacks title, paper, version, params, cost, create',
  );
  await expect(loadRegistry([file(`export default { name: 'x', kind: 'magic' };\n`)])).rejects.toThrow(
    'expected kind "training" or "wrapper", got "magic"',
  );
});

test('references that would make no record are refused as the plug-in is loaded', async () => {
  const withReferences = (references: string) =>
    file(PLUGIN.replace('NAME', 'mine').replace("paper: ''", `paper: '', references: ${references}`));
  const right = await loadRegistry([withReferences("[{ key: 'doe2031', author: 'Doe', title: 'T', year: 2031 }]")]);
  expect(right.attack('mine').references).toHaveLength(1);
  await expect(loadRegistry([withReferences("[{ key: 'doe}', author: 'Doe', title: 'T', year: 2031 }]")])).rejects.toThrow(
    /references .*\n.*\n.*\[0\]\.key/,
  );
  await expect(loadRegistry([withReferences("[{ key: 'doe2031', author: 'Doe', year: 2031 }]")])).rejects.toThrow(/\[0\]\.title/);
});

test('a file that cannot be loaded is named with the reason', async () => {
  await expect(loadRegistry(['/gone/plugin.mjs'])).rejects.toThrow('[plugin] /gone/plugin.mjs cannot be read: ENOENT');
  await expect(loadRegistry([file(`throw new Error('at load');\n`)])).rejects.toThrow('cannot be loaded: at load');
});
