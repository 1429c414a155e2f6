/** Who can reach the queue and what of it can be seen: passwords, TLS, and jobs that somebody else has put there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Board, openLine } from '../../../harness/run/queue/redis.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { filesBelow, main, put, until, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, worker } from './cluster.ts';

const SUITE = `
name: safe
title: Safe
diagnosis: off
datasets: [{ name: shapes, train: 100, test: 12 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 24, validateEvery: 1, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard]
attacks: [fgsm]
engine: { name: wasm, batchSize: 4 }
`;

/** A password that stands nowhere else. */
const PASSWORD = 'Xyzzy-4711-plugh';

/** Of every process here, what a list of processes shows of it. */
const listed = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return ''; // ended meanwhile
      }
    });

/** What processes that serve and have done a job with the password said and left behind, and what a list of processes showed of them. */
async function traces(url: string, given: 'in the environment' | 'as an option', env: NodeJS.ProcessEnv = {}): Promise<string> {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', SUITE);
  const out = join(folder, 'out');
  const option = given === 'as an option' ? url : undefined;
  const where = { env: { ...env, ...(option === undefined && { RAMPART_QUEUE: url }) } };
  const own = worker(option, out, where);
  await until('a worker that serves', () => own.said().includes('serves'));
  const seen = new Set<string>();
  const started = coordinator(suite, option, out, where);
  // an option is hidden as soon as it is read
  if (option !== undefined) await until('a run on its way', () => started.said().includes('engine'));
  const watch = setInterval(() => {
    for (const line of listed()) seen.add(line);
  }, 100);
  const head = await started.ended;
  clearInterval(watch);
  expect(head.code, head.output).toBe(0);
  const status = spawnSync(process.execPath, [main, 'status', '--out', out, ...(option ? ['--queue', option] : [])], {
    env: { ...process.env, ...where.env },
    encoding: 'utf8',
  });
  expect(status.status, status.stderr).toBe(0);
  own.signal('SIGTERM');
  const files = filesBelow(out).flatMap((name) => {
    try {
      return [readFileSync(join(out, name), 'latin1')];
    } catch {
      return []; // a folder
    }
  });
  expect(files.length).toBeGreaterThan(5);
  return [head.output, (await own.ended).output, status.stdout, status.stderr, ...files, ...seen].join('\n');
}

/** A key and a certificate that signs itself, for this machine alone. */
function certificate(folder: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...names], {
    stdio: 'ignore',
  });
  return { key, cert };
}

const noTls = noRedis ?? (spawnSync('openssl', ['version']).status === 0 ? undefined : 'openssl is not here');

describe.skipIf(noRedis)('a password', { timeout: 120_000 }, () => {
  test.each(['in the environment', 'as an option'] as const)(
    'given %s is in no output, no file of the run and no list of processes',
    async (given) => {
      const { url } = await redisServer();
      const redis = new Redis(url);
      await redis.config('SET', 'requirepass', PASSWORD);
      redis.disconnect();
      const all = await traces(url.replace('//', `//:${PASSWORD}@`), given);
      expect(all).not.toContain(PASSWORD);
      expect(all).toContain('***@127.0.0.1');
    },
  );
});

describe.skipIf(noTls)(`rediss://${noTls ? ` (${noTls})` : ''}`, { timeout: 120_000 }, () => {
  test('a certificate that signs itself is trusted where it is named, and refused at once where it is not', async () => {
    const { key, cert } = certificate(workFolder());
    const { url } = await redisServer({ tls: { key, cert } });
    const address = url.replace('//', `//:${PASSWORD}@`);
    const redis = new Redis(url, { tls: { ca: readFileSync(cert) } });
    await redis.config('SET', 'requirepass', PASSWORD);
    redis.disconnect();
    // far longer than the test: it does not wait for what will not change
    const stranger = worker(undefined, join(workFolder(), 'out'), { env: { RAMPART_QUEUE: address }, more: ['--wait', '3600'] });
    const { code, output } = await stranger.ended;
    expect(code).toBe(2);
    expect(output).toMatch(
      /\[queue\] rediss:\/\/:\*\*\*@127\.0\.0\.1:\d+ does not answer: self-signed certificate; NODE_EXTRA_CA_CERTS=FILE\.pem/,
    );
    const all = await traces(address, 'in the environment', { NODE_EXTRA_CA_CERTS: cert });
    expect(all.includes(PASSWORD)).toBe(false);
  });
});

describe.skipIf(noRedis)('what somebody else has put on the queue', { timeout: 120_000 }, () => {
  test('is refused, read nowhere, and the worker lives on', async () => {
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
    const ask = async (name: string, data: unknown) => {
      await queue?.add('model', data, { jobId: name });
      let job = await queue?.getJob(name);
      for (; job?.finishedOn === undefined; job = await queue?.getJob(name)) await new Promise((next) => setTimeout(next, 50));
      return `${JSON.stringify(job.returnvalue)} ${job.failedReason ?? ''}`;
    };
    for (const [i, [data, expected]] of STRANGE.entries()) expect(await ask(`strange${i}`, data), `${i}`).toContain(expected);
    expect((await new FolderStore(out).records()).length).toBe(0);
    expect(own.said()).not.toContain('begins');
    // no job at all, as a program writes it that knows nothing of BullMQ
    const broken = await queue.add('model', {}, { jobId: 'broken', delay: 500 });
    await line.redis.hset(queue.toKey(broken.id as string), 'data', '{');
    // one that a worker may do, about a model that is not there
    await ask('unknown', order(MODEL));
    const [record] = await new FolderStore(out).records();
    expect(record).toMatchObject({ key: MODEL.key, status: 'failed' });
    await queue.close();
    const suite = put(folder, 'suite.yml', SUITE);
    const head = await coordinator(suite, url, out).ended;
    expect(head, `${head.output}${own.said()}`).toMatchObject({ code: 0 });
    own.signal('SIGTERM');
    expect((await own.ended).code).toBe(0);
  });
});

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

const order = (job: unknown, { plugins = [] as unknown[], keepExamples = 0, batchSize = 1 } = {}) => ({
  settings: { plugins, keepExamples },
  job,
  batchSize,
});
const NO_JOB = 'what the queue holds is no job';
const PRETRAINED = { by: 'pretrained', weightsHash: H, file: 'a.pt', title: '', paper: '', extraData: false };

const deep = (levels: number): unknown => (levels === 0 ? {} : { in: deep(levels - 1) });

/** What is put there, and what is answered. */
const STRANGE: readonly (readonly [data: unknown, answer: string])[] = [
  [5, NO_JOB],
  [{ settings: { plugins: [], keepExamples: 0 }, batchSize: 1 }, `${NO_JOB}: job`],
  [{ ...order(MODEL), more: 1 }, NO_JOB],
  [order({ kind: 'cell', key: '../../etc/passwd' }), NO_JOB],
  [order({ ...MODEL, key: '../../../etc/passwd' }), `${NO_JOB}: job.key`],
  [order({ ...MODEL, data: { ...MODEL.data, hash: '/etc/passwd' } }), `${NO_JOB}: job.data.hash`],
  [order({ ...MODEL, origin: { ...PRETRAINED, file: '../../etc/passwd' } }), `${NO_JOB}: job.origin.file`],
  [order({ ...MODEL, origin: { ...PRETRAINED, file: '..' } }), `${NO_JOB}: job.origin.file`],
  [order({ ...MODEL, name: 'x'.repeat(20_000_000) }), `${NO_JOB}: job.name`],
  [order({ ...MODEL, data: { ...MODEL.data, test: { hash: H, selection: { indices: new Array(3_000_000).fill(-1) } } } }), NO_JOB],
  [order({ ...MODEL, data: { ...MODEL.data, test: { hash: H, selection: { indices: new Array(3_000_000).fill('/etc') } } } }), NO_JOB],
  [order({ ...MODEL, data: { ...MODEL.data, plugin: { ...MODEL.data.plugin, params: deep(3000) } } }), NO_JOB],
  [order(MODEL, { keepExamples: 1e9 }), `${NO_JOB}: settings.keepExamples`],
  [order(MODEL, { batchSize: 1e12 }), `${NO_JOB}: batchSize`],
  [order(MODEL, { plugins: [[{ path: 'own.ts', hash: 'a'.repeat(64) }]] }), 'the plug-in own.ts is none that this worker was started with'],
  [order({ ...MODEL, origin: SCRIPT }), 'the TorchScript file own.pt is none that this worker was started with'],
];

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
