/** Plug-in files where users have them: in projects of any type, outside of one, in one file or several. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { importPlugin } from '../../../harness/suite/plugin-file.ts';
import * as rampart from '../../../index.ts';
import { sha256 } from '../../../records/hash.ts';
import { freshFolder } from '../folders.ts';

/** Writes files into a new folder outside of any project, and returns the path of the first. */
function put(files: Readonly<Record<string, string>>): string {
  const folder = freshFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, Object.keys(files)[0] as string);
}

const TYPED = `import { Rng, tf } from 'rampart';\nimport { z } from 'zod';\nenum Kind { One = 1 }\nexport default { Rng, tf, z, kind: Kind.One as number };\n`;

test('outside of a project, TypeScript is read, and rampart and zod are those of this process', async () => {
  const { exported } = await importPlugin(put({ 'own.ts': TYPED }));
  expect(exported).toMatchObject({ kind: 1 });
  const { Rng, tf, z: zod } = exported as { Rng: unknown; tf: unknown; z: unknown };
  expect(Rng).toBe(rampart.Rng);
  expect(tf).toBe(rampart.tf);
  expect(zod).toBe(z);
});

test.each(['module', 'commonjs', undefined])('in a project of type %s, .ts, .mts, .js and .mjs are ES modules', async (type) => {
  for (const name of ['own.ts', 'own.mts', 'own.js', 'own.mjs']) {
    const text = `import { Rng } from 'rampart';\nexport default Rng;\n`;
    const { exported } = await importPlugin(put({ [name]: text, 'package.json': JSON.stringify({ name: 'fresh', type }) }));
    expect(exported, name).toBe(rampart.Rng);
  }
});

test('a plug-in in CommonJS gives what it exports', async () => {
  const { exported } = await importPlugin(put({ 'own.js': 'module.exports = { a: 1 };\n', 'package.json': '{}' }));
  expect(exported).toEqual({ a: 1 });
});

test('what a plug-in imports by path is loaded with it and is part of its identity', async () => {
  const main = `import { part } from './parts/part.ts';\nexport default part;\n`;
  const one = await importPlugin(put({ 'own.ts': main, 'parts/part.ts': 'export const part: number = 1;\n' }));
  const same = await importPlugin(put({ 'own.ts': main, 'parts/part.ts': 'export const part: number = 1;\n' }));
  const other = await importPlugin(put({ 'own.ts': main, 'parts/part.ts': 'export const part: number = 2;\n' }));
  expect([one.exported, other.exported]).toEqual([1, 2]);
  expect(same.source).toBe(one.source);
  expect(other.source).not.toBe(one.source);
});

test('the identity of a plug-in in one file is the hash of the file', async () => {
  expect((await importPlugin(put({ 'own.ts': TYPED }))).source).toBe(sha256(TYPED));
});

test('a package of the project is found where the plug-in stands', async () => {
  const files = {
    'own.ts': `import { three } from 'counting';\nimport { readFileSync } from 'node:fs';\nexport default [three, typeof readFileSync];\n`,
    'node_modules/counting/package.json': '{"name":"counting","main":"main.js","type":"module"}',
    'node_modules/counting/main.js': 'export const three = 3;\n',
  };
  expect((await importPlugin(put(files))).exported).toEqual([3, 'function']);
});

test('a plug-in knows its own place', async () => {
  const path = put({ 'own.ts': 'export default import.meta.url;\n' });
  expect((await importPlugin(path)).exported).toBe(pathToFileURL(path).href);
});

test('what is not valid, or not there to import, is named with file and line', async () => {
  await expect(importPlugin(put({ 'own.ts': 'export default 1;\nconst a: = 2;\n' }))).rejects.toThrow(/own\.ts:2:10: Unexpected "="/);
  await expect(importPlugin(put({ 'own.ts': `import 'not-there';\n` }))).rejects.toThrow(/own\.ts:1:8: Could not resolve "not-there"/);
  await expect(importPlugin(put({ 'own.ts': `import { nothing } from 'rampart';\nexport default nothing;\n` }))).rejects.toThrow(
    /own\.ts:1:10: No matching export .* for import "nothing"/,
  );
});

test('an error at load is shown at its line in the file', async () => {
  const path = put({ 'own.ts': 'type A = 1;\n\nthrow new Error("at load");\n' });
  const error = await importPlugin(path).catch((e: Error) => e);
  expect((error as Error).message).toContain('cannot be loaded: at load');
  expect(((error as Error).cause as Error).stack).toMatch(/own\.ts:3/);
});
