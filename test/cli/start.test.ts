/** What the command line loads before it does what it was asked. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freshFolder } from '../harness/folders.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Paths of the modules that a call loads, Node's own apart, as the engine of Node notes them. */
function loadedBy(...args: string[]): string[] {
  const folder = freshFolder();
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: folder },
  });
  expect(status, stderr).toBe(0);
  return readdirSync(folder).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
  });
}

const suite = fileURLToPath(new URL('../../suites/quick.yml', import.meta.url));

test.each([
  ['validate', suite],
  ['ls', 'attacks'],
])('%s computes nothing and loads no TensorFlow.js', (...args) => {
  const loaded = loadedBy(...args);
  expect(loaded.some((url) => url.includes('/attacks/pgd.js'))).toBe(true);
  expect(loaded.filter((url) => url.includes('/node_modules/@tensorflow/'))).toEqual([]);
});

test.each([['--help'], ['--version']])('%s loads neither TensorFlow.js nor zod nor a plug-in', (flag) => {
  const loaded = loadedBy(flag);
  expect(loaded.some((url) => url.includes('/node_modules/cac/'))).toBe(true);
  expect(
    loaded.filter((url) =>
      /node_modules\/(@tensorflow|zod|yaml|handlebars|esbuild)\/|dist\/(attacks|defenses|datasets|engines|reports)\//.test(url),
    ),
  ).toEqual([]);
});
