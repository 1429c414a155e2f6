/** Runs on a queue: real Redis, real workers, the built program. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import { comparable } from '../../../records/store.ts';
import { put, rampart, type Started, until, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, worker } from './cluster.ts';

const SUITE = `
name: queued
title: Queued
diagnosis: off
datasets: [{ name: shapes, train: 200, test: 24 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 4, validation: 24, validateEvery: 4, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard, { name: pgd-at, steps: 2 }]
attacks: [fgsm, { name: pgd, steps: 5 }, { name: autoattack, n: 3 }]
engine: { name: wasm, batchSize: 4, workers: 2 }
keepExamples: 2
`;

const recordsIn = async (out: string) => (await new FolderStore(out).records()).map(comparable);

/** Of one machine, without a queue. */
async function alone(folder: string, suite: string) {
  const out = join(folder, 'alone');
  expect(rampart('run', suite, '--out', out, '--engine', 'wasm', '--threads', '1')).toMatchObject({ code: 0 });
  return recordsIn(out);
}

describe.skipIf(noRedis)('a run on a queue', { timeout: 120_000 }, () => {
  test('three workers make the records of one machine, bit for bit, and Redis keeps no secret of it', async () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE);
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const workers = [worker(url, out), worker(url, out), worker(url, out)];
    const { code, output } = await coordinator(suite, url, out).ended;
    expect(code, output).toBe(0);
    expect(await recordsIn(out)).toEqual(await alone(folder, suite));
    expect(output).toContain('done');
    // whoever is told to stop leaves in order
    for (const each of workers) each.signal('SIGTERM');
    for (const each of workers) expect((await each.ended).code).toBe(0);
    // what is finished needs no worker, and says so at once
    const again = await coordinator(suite, url, out).ended;
    expect(again).toMatchObject({ code: 0 });
    expect(again.output).toContain('10 of 10 jobs were there already');
  });

  test('a worker on another engine is told, and takes nothing', async () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE.replace(/attacks: .*/, 'attacks: [fgsm]'));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const other = worker(url, out, { name: 'cpu' });
    const own = worker(url, out);
    const { code, output } = await coordinator(suite, url, out).ended;
    expect(code, output).toBe(0);
    own.signal('SIGTERM');
    expect((await own.ended).output).toContain('standard is done');
    await until('the other one hears of it', () => other.said().includes('takes nothing'));
    other.signal('SIGTERM');
    const { output: words } = await other.ended;
    expect(words).toMatch(/takes nothing: the run is done on wasm \S+ on cpu with 1 threads by rampart .*, this worker has cpu /);
    expect(words).not.toContain('begins');
  });

  test('a worker of another version is told, and takes nothing', async () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE.replace(/attacks: .*/, 'attacks: [fgsm]'));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const other = worker(url, out, { main: otherVersion(folder) });
    await until('the other one serves', () => other.said().includes('serves'));
    const head = coordinator(suite, url, out);
    const own = worker(url, out);
    expect(await head.ended).toMatchObject({ code: 0 });
    await until('the other one hears of it', () => other.said().includes('takes nothing'));
    for (const each of [own, other]) each.signal('SIGTERM');
    await own.ended;
    const { output } = await other.ended;
    expect(output).toMatch(
      /takes nothing: the run is done on (.*) by rampart \S+ \(.*\), this worker has \1 by rampart 99\.0\.0 \(unknown\)/,
    );
    expect(output).not.toContain('begins');
  });

  test('workers that are told so leave when the run is done, and not before', async () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE.replace(/attacks: .*/, 'attacks: [fgsm]'));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const stopped = worker(url, out, { more: ['--until-done'] });
    await until('it serves', () => stopped.said().includes('serves'));
    stopped.signal('SIGTERM');
    expect(await stopped.ended).toMatchObject({ code: 1 });
    const stays = worker(url, out, { more: ['--until-done'] });
    expect(await coordinator(suite, url, out).ended).toMatchObject({ code: 0 });
    expect(await stays.ended).toMatchObject({ code: 0, output: expect.stringContaining('is done') });
    // a run that was done before it came is not the one that it waits for
    const next = worker(url, out, { more: ['--until-done'] });
    await until('it serves', () => next.said().includes('serves'));
    await new Promise((later) => setTimeout(later, 6000));
    expect(next.process.exitCode).toBeNull();
    expect(await coordinator(suite, url, out).ended).toMatchObject({ code: 0, output: expect.stringContaining('were there already') });
    expect(await next.ended).toMatchObject({ code: 0 });
  });

  test('a job that three workers died of fails with what they said last, and costs nothing else', async () => {
    const folder = workFolder();
    put(folder, 'deadly.ts', DEADLY);
    const suite = put(folder, 'suite.yml', `${SUITE.replace(/attacks: .*/, 'attacks: [deadly, fgsm]')}plugins: [deadly.ts]\n`);
    const { url } = await redisServer();
    const out = join(folder, 'out');
    let ended = 0;
    let over = false;
    let last: Started | undefined;
    const replaced = async (): Promise<void> => {
      last = worker(url, out, { suite });
      await last.ended;
      if (over) return;
      ended++;
      await replaced();
    };
    const all = replaced();
    const head = coordinator(suite, url, out);
    const { code, output } = await head.ended;
    over = true;
    expect(code, output).toBe(1);
    expect(output).toMatch(
      /failed deadly .* on standard: 3 workers were lost while they did it: \S+ \d+ began; \S+ \d+ began; \S+ \d+ began/,
    );
    expect(ended).toBeGreaterThanOrEqual(6); // three for each of two models
    const records = await new FolderStore(out).records();
    expect(records.filter((r) => r.status === 'failed').length).toBe(2);
    // the one that is left shows itself, and leaves when it is told to
    const status = rampart('status', '--queue', url, '--out', out);
    expect(status.output).toContain(` ${last?.process.pid}`);
    expect(status.output).toContain('0 of 1');
    last?.signal('SIGTERM');
    await all;
  });
});

/** The program of a package with another version: all else is as here. */
function otherVersion(folder: string): string {
  const root = join(import.meta.dirname, '../../..');
  const copy = join(folder, 'package');
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  for (const name of ['node_modules', 'tensor', 'suites']) symlinkSync(join(root, name), join(copy, name));
  const json = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(copy, 'package.json'), JSON.stringify({ ...json, version: '99.0.0' }));
  return join(copy, 'dist/cli/main.js');
}

/** Ends the worker whose process performs it. */
const DEADLY = `import { defineAttack } from 'rampart';
import { z } from 'zod';
export default defineAttack({
  name: 'deadly',
  title: 'Deadly',
  paper: '',
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  params: z.strictObject({}),
  cost: () => ({ forward: 1, backward: 0 }),
  create: () => ({
    async perturb() {
      process.kill(process.ppid, 'SIGKILL');
      return new Promise(() => undefined);
    },
  }),
});
`;
