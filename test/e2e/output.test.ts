import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { main, put, workFolder } from './cli.ts';

const SUITE = `
name: output
title: Output
datasets: [{ name: shapes, train: 60, test: 8 }]
threats: [{ norm: Linf, eps: 4/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 8, batchSize: 16 }
defenses: [standard]
attacks: [fgsm]
engine: { name: wasm }
`;

/** Runs the suite with that standard output; `read` may close it. */
async function runInto(stdout: number | 'pipe', read: (stream: NodeJS.ReadableStream & { destroy(): void }) => void = () => undefined) {
  const folder = workFolder();
  const out = join(folder, 'out');
  const suite = put(folder, 'suite.yml', SUITE);
  const child = spawn(process.execPath, [main, 'run', suite, '--out', out], { stdio: ['ignore', stdout, 'pipe'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  if (child.stdout) read(child.stdout as never);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, errors, records: (await new FolderStore(out).records()).length, site: existsSync(join(out, 'site/index.html')) };
}

test('a reader that has seen enough stops no run', { timeout: 100_000 }, async () => {
  const ended = await runInto('pipe', (stream) => stream.once('data', () => stream.destroy()));
  expect(ended).toEqual({ code: 0, errors: '', records: 3, site: true });
});

test.skipIf(!existsSync('/dev/full'))('a run whose output cannot be written does its work and says so', { timeout: 100_000 }, async () => {
  const ended = await runInto(openSync('/dev/full', 'w'));
  expect(ended).toMatchObject({ code: 1, records: 3, site: true });
  expect(ended.errors).toMatch(/standard output could not be written: ENOSPC/);
});
