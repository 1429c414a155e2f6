/** A run on a queue of which all is stopped for longer than a worker may be out of reach, and continued: as where a scheduler suspends jobs. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { put, until, workFolder } from '../e2e/cli.ts';
import { coordinator, noRedis, redisServer, worker } from '../e2e/queue/cluster.ts';

const LOST_AFTER = 4;

const SUITE = `
name: suspended
title: Suspended
diagnosis: off
datasets: [{ name: shapes, train: 200, test: 400 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 24, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard, { name: pgd-at, steps: 2 }]
attacks: [{ name: square, queries: 300 }]
engine: { name: wasm, batchSize: 4, workers: 2 }
`;

test.skipIf(noRedis)('no job is taken away from its worker', { timeout: 400_000 }, async () => {
  const folder = workFolder();
  const redis = await redisServer();
  const out = join(folder, 'out');
  const workers = [worker(redis.url, out, { lostAfter: LOST_AFTER }), worker(redis.url, out, { lostAfter: LOST_AFTER })];
  const head = coordinator(put(folder, 'suite.yml', SUITE), redis.url, out);
  await until('both attack', () => workers.every((each) => /square on .* begins/.test(each.said())));
  const all = [head, ...workers, redis];
  for (const each of all) each.signal('SIGSTOP');
  await sleep(2000 * LOST_AFTER);
  for (const each of [...all].reverse()) each.signal('SIGCONT');
  const { code, output } = await head.ended;
  expect(code, output).toBe(0);
  for (const each of workers) each.signal('SIGTERM');
  const said = (await Promise.all(workers.map(({ ended }) => ended))).map((each) => each.output).join('');
  expect(said).not.toContain('is given back');
  for (const defense of ['standard', 'pgd-at']) expect(said.match(new RegExp(`square on ${defense} begins`, 'g'))?.length, said).toBe(1);
});
