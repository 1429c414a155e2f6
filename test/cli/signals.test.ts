/** Every command ends on the first Ctrl-C or SIGTERM, also where it is busy and hears nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { freshFolder } from '../harness/folders.ts';
import { suiteText } from '../harness/suites.ts';
import { freePort } from './free-port.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const signals = ['SIGINT', 'SIGTERM'] as const;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that runs until it is ended. `said` resolves once it has printed `text`; `ended` with how it ended. */
function running(...args: string[]): { child: ChildProcess; said(text: string): Promise<void>; ended: Promise<End> } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<End>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const said = (text: string) => expect.poll(() => output, { timeout: 60_000 }).toContain(text);
  return { child, said, ended };
}

/** Says that it is busy, and never comes back. */
const BUSY = `process.stderr.write('busy now\\n');\nfor (;;);\n`;

const DATASET = `import { z } from 'zod';
export default {
  name: 'slow', title: 'Slow', source: '', version: 1, shape: [8, 8, 1], classes: 10, params: z.strictObject({}),
  async load() { ${BUSY} },
  async check() { return { usable: true, detail: '' }; },
};
`;

function suiteWith(plugin: string, changes: Record<string, string> = {}): string {
  const folder = freshFolder();
  writeFileSync(join(folder, 'plugin.mjs'), plugin);
  writeFileSync(join(folder, 'suite.yml'), suiteText({ ...changes, plugins: 'plugins: [./plugin.mjs]' }));
  return join(folder, 'suite.yml');
}

test.each(signals)('%s ends a plug-in that loops while it is loaded', { timeout: 90_000 }, async (name) => {
  const { child, said, ended } = running('validate', suiteWith(BUSY), '--trust');
  await said('busy now');
  child.kill(name);
  expect(await ended).toEqual({ code: null, signal: name });
});

test.each(['run', 'plan'])('SIGTERM ends `%s` while a data set loops', { timeout: 90_000 }, async (command) => {
  const suite = suiteWith(DATASET, { datasets: 'datasets: [slow]' });
  const trust = command === 'plan' ? ['--trust'] : [];
  const { child, said, ended } = running(command, suite, '--engine', 'wasm', '--out', join(freshFolder(), 'out'), ...trust);
  await said('busy now');
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
});

test.each(signals)('%s ends a server in order', { timeout: 90_000 }, async (name) => {
  const port = await freePort();
  const site = join(freshFolder(), 'site');
  mkdirSync(site);
  writeFileSync(join(site, 'index.html'), '');
  const { child, said, ended } = running('serve', site, '--port', String(port));
  await said(`http://127.0.0.1:${port}/`);
  child.kill(name);
  expect(await ended).toEqual({ code: 0, signal: null });
});
