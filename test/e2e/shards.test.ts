/** A cell that several workers share: processes of one machine, and of a queue, one of which is killed at it. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import type { CellRecord, RampartRecord } from '../../records/record.ts';
import { comparable } from '../../records/store.ts';
import { filesBelow, put, rampart, until, workFolder } from './cli.ts';
import { coordinator, noRedis, redisServer, worker } from './queue/cluster.ts';

const suiteOf = (shard: string) => `
name: shards
title: Shards
diagnosis: off
datasets: [{ name: shapes, train: 200, test: 23 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 4, validation: 24, validateEvery: 4, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard]
plugins: [trio.ts]
attacks: [trio]
engine: { name: wasm, batchSize: 4, shard: ${shard} }
keepExamples: 2
`;

/** Three members, each of which saves what it has found. */
const TRIO = `import { defineEnsemble } from 'rampart';
import { z } from 'zod';
export default defineEnsemble({
  name: 'trio', title: 'Trio', paper: '', version: 1, access: 'gradient', norms: ['Linf'], params: z.strictObject({}),
  members: () => [
    { attack: 'pgd', params: { steps: 10 } },
    { attack: 'square', params: { queries: 100 } },
    { attack: 'pgd', params: { steps: 100 } },
  ],
});
`;

/** What ran ahead and was thrown away depends on what shared a pass. */
function timeless(record: RampartRecord): unknown {
  if (record.kind === 'model') return comparable(record);
  const { overhead: _, members, ...rest } = record;
  return comparable({ ...rest, ...(members && { members: members.map(({ overhead: _, ...member }) => member) }) });
}

async function recordsIn(out: string) {
  const store = new FolderStore(out);
  const records = await store.records();
  const cell = records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.name === 'trio');
  return { records: records.map(timeless), shards: cell?.shards ?? [], examples: cell && (await store.examples(cell)) };
}

function inOnePiece(folder: string) {
  put(folder, 'trio.ts', TRIO);
  const out = join(folder, 'whole');
  expect(rampart('run', put(folder, 'whole.yml', suiteOf('off')), '--out', out, '--workers', '2')).toMatchObject({ code: 0 });
  return recordsIn(out);
}

test('a cell that two workers of one machine share has the record of one', { timeout: 200_000 }, async () => {
  const folder = workFolder();
  const whole = await inOnePiece(folder);
  expect(whole.shards).toEqual([]);
  const out = join(folder, 'out');
  // the command line has the last word
  const { code, output } = rampart('run', put(folder, 'suite.yml', suiteOf('off')), '--out', out, '--workers', '2', '--shard', '7');
  expect(code, output).toBe(0);
  const { records, shards, examples } = await recordsIn(out);
  expect(records).toEqual(whole.records);
  expect(examples).toEqual(whole.examples);
  expect(shards.map(({ from, count }) => [from, count])).toEqual([
    [0, 7],
    [7, 7],
    [14, 7],
    [21, 2],
  ]);
  expect(rampart('run', join(folder, 'suite.yml'), '--shard', '0')).toMatchObject({
    code: 2,
    output: expect.stringContaining('[--shard] expected auto, off, or a number of images, got 0'),
  });
});

test('plan shows into how many shards a cell is cut, and submit hands the choice on', { timeout: 100_000 }, () => {
  const folder = workFolder();
  put(folder, 'trio.ts', TRIO);
  const suite = put(folder, 'suite.yml', suiteOf('off'));
  const out = ['--out', join(folder, 'out')];
  const plan = rampart('plan', suite, ...out, '--shard', '7', '--engine', 'wasm', '--json');
  const { jobs } = JSON.parse(plan.output) as { jobs: { job: string; shards?: number }[] };
  expect(jobs.map(({ shards }) => shards)).toEqual([undefined, undefined, 4]);
  expect(rampart('plan', suite, ...out, '--shard', '7', '--engine', 'wasm').output).toMatch(/trio.*, in 4 shards/);
  const slurm = rampart('submit', suite, '--slurm', '--dry-run', ...out, '--shard', '64');
  expect(slurm.output).toMatch(/ run \S+suite\.yml .*--shard 64 &/);
  expect(slurm.output).not.toMatch(/ worker .*--shard/);
  const plain = put(folder, 'plain.yml', suiteOf('off').replace('plugins: [trio.ts]\n', '').replace('[trio]', '[fgsm]'));
  const manifest = rampart('submit', plain, '--kubernetes', '--image', 'own:1', '--shard', '64', '--manifest', join(folder, 'out.yaml'));
  expect(manifest.code, manifest.output).toBe(0);
  expect(manifest.output.match(/- --shard\n\s*- "64"/g)?.length).toBe(1);
});

/** Waits until two processes are at it. */
const MEETS = `import { readdirSync, writeFileSync } from 'node:fs';
import { defineAttack } from 'rampart';
import { z } from 'zod';
export default defineAttack({
  name: 'meets', title: 'Meets', paper: '', version: 1, access: 'gradient', norms: ['Linf'], params: z.strictObject({ folder: z.string() }),
  cost: () => ({ forward: 0, backward: 0 }),
  create: ({ folder }) => ({
    async perturb(batch) {
      writeFileSync(folder + '/here-' + process.pid, '');
      for (const end = Date.now() + 100_000; readdirSync(folder).filter((name) => name.startsWith('here-')).length < 2; ) {
        if (Date.now() > end) throw new Error('nobody else came');
        await new Promise((next) => setTimeout(next, 20));
      }
      return batch.x.clone();
    },
  }),
});
`;

test('two workers are at one cell at the same time', { timeout: 200_000 }, () => {
  const folder = workFolder();
  put(folder, 'meets.ts', MEETS);
  const text = suiteOf('12').replace('[trio.ts]', '[meets.ts]').replace('[trio]', `[{ name: meets, folder: ${folder} }]`);
  const { code, output } = rampart('run', put(folder, 'suite.yml', text), '--out', join(folder, 'out'), '--workers', '2');
  expect(code, output).toBe(0);
});

test.skipIf(noRedis)(
  'a worker of a queue that is killed in the midst of a shard: another goes on, with the same record',
  { timeout: 200_000 },
  async () => {
    const folder = workFolder();
    const whole = await inOnePiece(folder);
    const suite = put(folder, 'suite.yml', suiteOf('6'));
    const { url } = await redisServer();
    const out = join(folder, 'out');
    const first = worker(url, out, { suite });
    const head = coordinator(suite, url, out);
    const shards = (end: string) => filesBelow(join(out, 'shards')).filter((name) => name.endsWith(end));
    // one is done, and another has saved what its first member found
    await until('a shard that is begun', () => shards('.json').length >= 1 && shards('.checkpoint.bin').length > shards('.json').length);
    first.signal('SIGKILL');
    const begun = shards('.json').length;
    await first.ended;
    const others = [worker(url, out, { suite }), worker(url, out, { suite })];
    const { code, output } = await head.ended;
    expect(code, output).toBe(0);
    expect(begun).toBeLessThan(4);
    const made = await recordsIn(out);
    expect(made.records).toEqual(whole.records);
    expect(made.examples).toEqual(whole.examples);
    expect(made.shards.length).toBe(4);
    expect(filesBelow(join(out, 'shards'))).toEqual([]);
    for (const each of others) each.signal('SIGTERM');
    const said = (await Promise.all(others.map(({ ended }) => ended))).map(({ output }) => output).join('');
    expect(said).toMatch(/trio on standard, images \d+ to \d+ is done/);
  },
);
