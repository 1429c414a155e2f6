/** Models that stay where they are, through a queue: a module in its user's own Python, and an endpoint with a token and a limit, asked by two workers. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import type { CellRecord } from '../../records/record.ts';
import { comparable } from '../../records/store.ts';
import { Endpoint } from '../models/outside/http/server.ts';
import { python } from '../python.ts';
import { filesBelow, put, started, until, workFolder } from './cli.ts';
import { archive } from './gray-images.ts';
import { coordinator, noRedis, redisServer, worker } from './queue/cluster.ts';

const NET = `import torch
class Mean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(20.0))
    def forward(self, x):
        m = (x.mean(dim=(1, 2, 3)) - 0.5) * self.scale
        return torch.stack([-m, m], 1)
def load():
    return Mean().eval()
`;

/** A secret that stands nowhere else. */
const TOKEN = 'Plover-0815-xyzzy';

const suiteOf = (folder: string, url: string, models: string) => `
name: elsewhere
title: Elsewhere
datasets: [{ name: arrays, file: ${archive(folder)}, train: 0 }]
threats: [{ norm: Linf, eps: 8/255 }]
models:
${models.replace('URL', url)}
attacks: [{ name: square, queries: 40 }, { name: pgd, steps: 3, models: [live] }, { name: square, label: longer, queries: 60 }]
engine: { name: wasm, batchSize: 4, shard: 3 }
`;
const LIVE = `  - { name: live, python: 'net.py:load', interpreter: ${python}, device: cpu, dataset: arrays }\n`;
const THERE = `  - { name: there, url: 'URL', access: scores, tokenEnv: RAMPART_E2E_TOKEN, queries: 4000, dataset: arrays }\n`;

async function recordsIn(out: string) {
  const records = await new FolderStore(out).records();
  // answers that another process had asked for first are kept ones
  const timeless = records.map((r) => {
    if (r.kind === 'model') return comparable(r);
    const { asked: _, overhead: __, ...rest } = r;
    return comparable(rest);
  });
  return { records, timeless };
}

test.skipIf(noRedis || python === undefined)(
  'two workers make the records of one machine; the endpoint is asked within its limit, and no secret is in Redis or in the folder',
  { timeout: 300_000 },
  async () => {
    const endpoint = await Endpoint.start();
    onTestFinished(() => endpoint.stop());
    process.env.RAMPART_E2E_TOKEN = TOKEN;
    const folder = workFolder();
    put(folder, 'net.py', NET);
    const suite = put(folder, 'suite.yml', suiteOf(folder, endpoint.url, LIVE + THERE));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const workers = [worker(url, out, { suite }), worker(url, out, { suite })];
    const head = coordinator(suite, url, out);
    const redis = new Redis(url);
    onTestFinished(() => redis.disconnect());
    let seen = '';
    const watch = setInterval(
      () =>
        void everything(redis).then(
          (all) => {
            seen += all;
          },
          () => undefined,
        ),
      200,
    );
    const { code, output } = await head.ended;
    clearInterval(watch);
    expect(code, output).toBe(0);
    for (const each of workers) each.signal('SIGTERM');
    const said = (await Promise.all(workers.map(({ ended }) => ended))).map((ended) => ended.output);

    const { records, timeless } = await recordsIn(out);
    const cell = (attack: string, model: string) =>
      records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.label === attack && r.model.name === model);
    // what is nearer than 8 grey levels can be broken by gradients; queries find the nearest
    expect(cell('pgd', 'live')?.outcomes.robust).toBe('00001111');
    expect(cell('square', 'there')?.outcomes.robust).toBe('00111111');
    // the module may be asked in shards, the endpoint has one account
    expect(cell('pgd', 'live')?.shards?.length).toBe(3);
    expect(cell('square', 'there')?.shards).toBeUndefined();
    const sent = records.reduce((sum, r) => sum + (r.kind === 'cell' ? (r.asked?.sent ?? 0) : 0), 0);
    expect(sent).toBe(endpoint.images.length);
    expect(sent).toBeLessThanOrEqual(4000);
    expect(endpoint.asked.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`)).toBe(true);

    expect(seen).toContain('square');
    expect(seen).not.toContain(TOKEN);
    const written = filesBelow(folder).filter((path) => statSync(join(folder, path)).isFile());
    expect(written.filter((path) => readFileSync(join(folder, path)).includes(TOKEN))).toEqual([]);
    expect([output, ...said].join('')).not.toContain(TOKEN);

    const alone = join(folder, 'alone');
    const one = await started('run', suite, '--out', alone, '--engine', 'wasm', '--threads', '1', '--shard', 'off').ended;
    expect(one.code, one.output).toBe(0);
    expect(timeless).toEqual((await recordsIn(alone)).timeless);
  },
);

/** Every value that Redis holds, as text. */
async function everything(redis: Redis): Promise<string> {
  const all: string[] = [];
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key);
    if (type === 'hash') all.push(JSON.stringify(await redis.hgetall(key)));
    else if (type === 'string') all.push((await redis.get(key)) ?? '');
    else if (type === 'list') all.push((await redis.lrange(key, 0, -1)).join());
    else if (type === 'zset') all.push((await redis.zrange(key, '0', '-1')).join());
    else if (type === 'stream') all.push(JSON.stringify(await redis.xrange(key, '-', '+')));
  }
  return all.join('\n');
}

test.skipIf(noRedis || python === undefined)(
  'a worker that was not started with the suite runs no Python of it: the model fails with the reason, and so do its cells',
  { timeout: 200_000 },
  async () => {
    const folder = workFolder();
    put(folder, 'net.py', NET);
    const suite = put(folder, 'suite.yml', suiteOf(folder, '', LIVE));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const stranger = worker(url, out);
    await until('a worker that serves', () => stranger.said().includes('serves'));
    const { code, output } = await coordinator(suite, url, out).ended;
    expect(code, output).toBe(1);
    expect(output).toMatch(/failed .*live.*net\.py is not here as the run was planned with it/);
    stranger.signal('SIGTERM');
    await stranger.ended;
  },
);
