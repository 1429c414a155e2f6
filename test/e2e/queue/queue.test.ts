/** Runs on a queue: real Redis, real workers, the built program. */
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Board, openLine } from '../../../harness/run/queue/redis.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { comparable } from '../../../records/store.ts';
import { put, rampart, type Started, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, worker } from './cluster.ts';

const SUITE = `
name: queued
title: Queued
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
    other.signal('SIGTERM');
    own.signal('SIGTERM');
    expect((await own.ended).output).toContain('standard is done');
    expect((await other.ended).output).not.toContain('begins');
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

  test('what is put on the queue by somebody else is refused, and read nowhere', async () => {
    const folder = workFolder();
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const own = worker(url, out);
    const line = await openLine(url);
    onTestFinished(() => line.close());
    const board = new Board(line, await new FolderStore(out).id());
    let queue: Queue | undefined;
    for (; !queue; await new Promise((next) => setTimeout(next, 100))) {
      const [there] = await board.workers();
      const { name = '', version = '', device = '', threads } = there?.info ?? {};
      if (there) queue = new Queue(board.queueOf({ name, version, device, threads }), { connection: line.redis, prefix: board.prefix });
    }
    const strange = [
      { settings: { plugins: [], keepExamples: 0 }, job: { kind: 'cell', key: '../../etc/passwd' }, batchSize: 1 },
      { settings: { plugins: [[{ path: 'own.ts', hash: 'a'.repeat(64) }]], keepExamples: 0 }, job: MODEL, batchSize: 1 },
      { settings: { plugins: [], keepExamples: 0 }, job: { ...MODEL, data: { ...MODEL.data, hash: '/etc/passwd' } }, batchSize: 1 },
      { settings: { plugins: [], keepExamples: 0 }, job: { ...MODEL, origin: SCRIPT }, batchSize: 1 },
    ];
    for (const [i, data] of strange.entries()) await queue.add('model', data, { jobId: `strange${i}` });
    const answers: string[] = [];
    for (const i of strange.keys()) {
      let job = await queue.getJob(`strange${i}`);
      for (; job?.finishedOn === undefined; job = await queue.getJob(`strange${i}`)) await new Promise((next) => setTimeout(next, 50));
      answers.push(JSON.stringify(job.returnvalue));
    }
    expect(answers[0]).toContain('what the queue holds is no job');
    expect(answers[1]).toContain('the plug-in own.ts is none that this worker was started with');
    expect(answers[2]).toContain('what the queue holds is no job: job.data.hash');
    expect(answers[3]).toContain('the TorchScript file own.pt is none that this worker was started with');
    expect((await new FolderStore(out).records()).length).toBe(0);
    await queue.close();
    own.signal('SIGTERM');
    expect((await own.ended).output).not.toContain('begins');
  });
});

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

const H = '0'.repeat(64);
const IMAGES = { selection: { from: 0, count: 4 }, hash: H };
const SCRIPT = { by: 'torchscript', weightsHash: H, file: 'own.pt', title: '', paper: '', extraData: false };
const MODEL = {
  kind: 'model',
  key: '0'.repeat(24),
  name: 'm',
  data: {
    label: 'shapes',
    plugin: { name: 'shapes', version: 1, params: {} },
    form: { shape: [32, 32, 3], classes: 10 },
    hash: H,
    train: IMAGES,
    test: IMAGES,
  },
  arch: { name: 'cnn-small', version: 1 },
  origin: { by: 'wrapper', defense: { name: 'jpeg', version: 1, params: {} }, base: '1'.repeat(24) },
  seed: 0,
  engine: { name: 'wasm', version: '1', device: 'cpu', threads: 1 },
};

test('an address without Redis behind it, or that is none, is told without its password', async () => {
  await expect(openLine('redis://someone:secret@127.0.0.1:1', 0)).rejects.toThrow(
    /^\[queue\] redis:\/\/someone:\*\*\*@127\.0\.0\.1:1 does not answer: /,
  );
  await expect(openLine('http://:secret@host')).rejects.toThrow('got "http://:***@host"');
});

test.skipIf(noRedis)('a password that Redis asks for is given', async () => {
  const { url } = await redisServer();
  const redis = new Redis(url);
  await redis.config('SET', 'requirepass', 'secret');
  redis.disconnect();
  const { host } = new URL(url);
  const line = await openLine(`redis://:secret@${host}`);
  expect(await line.redis.ping()).toBe('PONG');
  line.close();
  await expect(openLine(`redis://:wrong@${host}`)).rejects.toThrow(/does not answer: .*(WRONGPASS|invalid)/);
});
