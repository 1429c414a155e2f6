/** Rooms that stay small: how many files lie in a folder, and how long one may be. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const FOLDERS = [
  'attacks',
  'bench',
  'browser',
  'cli',
  'corruptions',
  'datasets',
  'defenses',
  'engines',
  'harness',
  'models',
  'records',
  'reports',
  'templates',
  'tensor',
];
const CODE = /\.(ts|mjs|js|cc|h|css|hbs|html|gyp)$/;

/** A plug-in, a kernel or a test is a file; these folders grow with their number. */
const TABLES = /^(attacks|datasets|defenses|models|engines\/torch\/(kernels|native))$/;

/** Paths of the code below a folder, without what was built. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'build' || entry.name === 'node_modules' ? [] : filesIn(path);
    return CODE.test(entry.name) ? [path] : [];
  });
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));

/** The comment that a file begins with. */
const headOf = (text: string) => /^\s*\/\*[\s\S]*?\*\//.exec(text)?.[0] ?? /^(\/\/.*\n)*/.exec(text)?.[0] ?? '';

const sources = FOLDERS.flatMap(filesIn);

test('no folder holds over 20 files, but those of plug-ins, kernels and tests', () => {
  const counts = new Map<string, number>();
  for (const folder of sources.map(folderOf)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  const full = [...counts].filter(([folder, n]) => n > 20 && !TABLES.test(folder));
  expect(full).toEqual([]);
  // kernels are many: what is counted is there
  expect(counts.get('engines/torch/native')).toBeGreaterThan(20);
});

test('no file is over 300 lines without saying at its head why it is long', () => {
  const texts = [...sources, ...filesIn('test')].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  const long = texts.filter(({ text }) => text.trimEnd().split('\n').length > 300);
  expect(long.filter(({ text }) => !/\blong\b[\s*]+because\b/.test(headOf(text))).map(({ path }) => path)).toEqual([]);
  expect(long.map(({ path }) => path)).toContain('tensor/fused.ts');
});
