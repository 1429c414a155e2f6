/** A run and its worker that are told to end while Redis is away. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { put, until, workFolder } from '../cli.ts';
import { coordinator, noRedis, redisServer, worker } from './cluster.ts';

const SUITE = `
name: away
title: Away
diagnosis: off
datasets: [{ name: shapes, train: 200, test: 400 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 24, batchSize: 16, augment: none }
defenses: [standard]
attacks: [{ name: square, queries: 2000 }]
engine: { name: wasm, batchSize: 4, workers: 1 }
`;

test.skipIf(noRedis)('both end, with every process that they have started', { timeout: 200_000 }, async () => {
  const folder = workFolder();
  const redis = await redisServer();
  const out = join(folder, 'out');
  const own = worker(redis.url, out);
  const head = coordinator(put(folder, 'suite.yml', SUITE), redis.url, out);
  await until('it attacks', () => /square on standard begins/.test(own.said()));
  await redis.kill();
  await until('the worker notices', () => /ECONNREFUSED/.test(own.said()));
  // to the process alone, as a scheduler does it
  head.process.kill('SIGINT');
  own.process.kill('SIGTERM');
  expect(await head.ended).toMatchObject({ code: 1, output: expect.stringContaining('interrupted; what is finished is kept') });
  const { code, output } = await own.ended;
  expect(code).toBe(0);
  expect(output.match(/ECONNREFUSED/g)?.length).toBe(1);
  expect([head.alive(), own.alive()]).toEqual([false, false]);
});
