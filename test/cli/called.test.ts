/** Commands that messages quote can be typed where the reader is. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { called } from '../../cli/called.ts';
import { shellWord } from '../../errors.ts';
import { freshFolder } from '../harness/folders.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

test.each([
  ['/clone/dist/cli/main.js', '/clone', 'node dist/cli/main.js'],
  ['/clone/dist/cli/main.js', '/clone/runs', 'node ../dist/cli/main.js'],
  ['/clone/dist/cli/main.js', '/home/me/else', 'node /clone/dist/cli/main.js'],
  ['/my clone/dist/cli/main.js', '/home/me/else', "node '/my clone/dist/cli/main.js'"],
  ['/clone/cli/main.ts', '/clone', 'npx tsx cli/main.ts'],
  ['/project/node_modules/.bin/rampart', '/project', 'npx --no rampart'],
  ['/usr/local/bin/rampart', '/project', 'rampart'],
])('%s run in %s is called as %s', (script, from, want) => {
  expect(called(script, from)).toBe(want);
});

test.each(['plain', '/a/b-c.d', 'two words', "it's", '$HOME', 'a;b', '', '*'])('a shell reads the quoted %j as itself', (text) => {
  expect(spawnSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' }).stdout).toBe(text);
});

test('the command that a message names does what the message says, from a folder with a space', () => {
  const folder = join(freshFolder(), 'two words');
  mkdirSync(folder);
  const sh = (text: string) => spawnSync('sh', ['-c', text], { cwd: folder, encoding: 'utf8' });
  const { status, stderr } = sh(`${shellWord(process.execPath)} ${shellWord(main)} rnu`);
  expect(status).toBe(2);
  const help = sh(stderr.slice(stderr.indexOf('; see ') + '; see '.length));
  expect(help.status).toBe(0);
  expect(help.stdout).toContain('validate-results');
});

test('the remedies of doctor are quoted for a folder with a space', { timeout: 120_000 }, () => {
  const folder = join(freshFolder(), 'my data');
  mkdirSync(join(folder, 'cifar-10-batches-bin'), { recursive: true });
  const { stdout } = spawnSync(process.execPath, [main, 'doctor', '--data', folder, '--no-download', '--json'], { encoding: 'utf8' });
  const findings = JSON.parse(stdout) as { name: string; remedy?: string }[];
  const remedies = findings.flatMap(({ remedy }) => remedy ?? []).filter((remedy) => remedy.includes('my data'));
  expect(remedies.length).toBeGreaterThanOrEqual(3);
  for (const remedy of remedies) {
    // every word with the folder in it is one word to a shell: nothing is run, the words are printed
    const words = spawnSync('bash', ['-c', `set -n; ${remedy}`], { encoding: 'utf8' });
    expect(words.status, remedy).toBe(0);
    expect(remedy).toMatch(/'[^']*my data[^']*'/);
  }
});
