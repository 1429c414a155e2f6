import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Job } from '../../../harness/job/job.ts';
import { BatchSizes } from '../../../harness/run/batch-sizes.ts';
import { type Executor, JobError } from '../../../harness/run/executor.ts';
import { nameOf as plannedName } from '../../../harness/run/plan.ts';
import { schedule } from '../../../harness/run/scheduler.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { Store } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { doneRecord, somewhere } from '../records.ts';
import { cpuEngine, planFor } from './plans.ts';
import { elsewhere, fails, named, setting, until, withWeights } from './scheduling.ts';

test('every job runs after what it needs, and the results are in the order of the plan', async () => {
  const { run, started } = await setting();
  const finished = await run();
  expect(finished.map((f) => [plannedName(f.planned), f.state])).toEqual([
    ['standard', 'done'],
    ['trades', 'done'],
    ['clean on standard', 'done'],
    ['fgsm on standard', 'done'],
    ['pgd on standard', 'done'],
    ['clean on trades', 'done'],
    ['fgsm on trades', 'done'],
    ['pgd on trades', 'done'],
  ]);
  for (const model of ['standard', 'trades'])
    for (const attack of ['fgsm', 'pgd']) {
      expect(started.indexOf(model)).toBeLessThan(started.indexOf(`clean on ${model}`));
      expect(started.indexOf(`clean on ${model}`)).toBeLessThan(started.indexOf(`${attack} on ${model}`));
    }
});

test('the longest chain of work starts first', async () => {
  const { run, started } = await setting();
  await run();
  expect(started.slice(0, 2)).toEqual(['trades', 'standard']);
});

test('as many jobs run at once as there are slots', async () => {
  const { run, most } = await setting(3);
  await run();
  expect(most()).toBe(3);
});

test('what is done is reused', async () => {
  const { run, started } = await setting();
  await run();
  const before = started.length;
  const again = await run();
  expect(started.length).toBe(before);
  expect(again.every((f) => f.state === 'reused')).toBe(true);
});

test('a failed cell costs only itself, and its record has the reason', async () => {
  const { run, store } = await setting(2, { 'fgsm on trades': fails('killed', 'the worker was killed by SIGKILL') });
  const finished = await run();
  const failed = finished.filter((f) => f.state === 'failed');
  expect(failed.map((f) => plannedName(f.planned))).toEqual(['fgsm on trades']);
  const record = await store.record('cell', failed[0]?.record.key ?? '');
  expect(record?.error).toEqual({ kind: 'killed', message: 'the worker was killed by SIGKILL' });
  expect(record?.provenance).toEqual(elsewhere);
  expect(finished.filter((f) => f.state === 'done').length).toBe(7);
});

test('a failed model fails its cells with its reason, and no others', async () => {
  const { run, started } = await setting(2, { trades: fails('error', 'loss is not finite') });
  const failed = (await run()).filter((f) => f.state === 'failed');
  expect(failed.map((f) => plannedName(f.planned))).toEqual(['trades', 'clean on trades', 'fgsm on trades', 'pgd on trades']);
  expect(failed[1]?.record.error).toEqual({ kind: 'dependency', message: 'model trades failed: loss is not finite' });
  expect(started).not.toContain('clean on trades');
});

test('a failed job is tried again in the next run', async () => {
  let calls = 0;
  const { run } = await setting(1, {
    'pgd on standard': () => {
      if (++calls === 1) throw new JobError({ kind: 'killed', message: 'once' });
    },
  });
  expect((await run()).filter((f) => f.state === 'failed').length).toBe(1);
  const again = await run();
  expect(again.filter((f) => f.state === 'done').map((f) => plannedName(f.planned))).toEqual(['pgd on standard']);
});

test('a failure of the store ends the run, and keeps what was finished', async () => {
  const { run, started, store } = await setting(1, { standard: fails('error', '[store] no space left on the disk', true) });
  await expect(run()).rejects.toThrow('[store] no space left on the disk');
  expect(started).toEqual(['trades', 'standard']);
  const kept = await planFor();
  expect(await store.record('model', kept.plan.models[1]?.job.key ?? '')).toBeDefined();
});

test('where one slot stands for those of many machines as many jobs run as there is room for, and more when there is more', async () => {
  let hear = (_jobs: number): void => undefined;
  const grow = { standard: () => hear(2) };
  const { run, most } = await setting(1, grow, {}, async (heard) => {
    hear = heard;
    hear(1);
  });
  const finished = await run();
  expect(finished.every(({ state }) => state === 'done')).toBe(true);
  expect(most()).toBe(2);
});

test('an interrupted run starts nothing more, and goes on later', async () => {
  const { run, started, abort } = await setting(1, { standard: () => abort.abort(new Error('interrupted')) });
  await expect(run()).rejects.toThrow('interrupted');
  expect(started).toEqual(['trades', 'standard']);
});

test('a worker that leaves no record is a failure', async () => {
  const { plan, registry } = await planFor({ defenses: 'defenses: [standard]' });
  const idle: Executor = { run: async () => undefined, close: async () => undefined };
  const finished = await schedule({
    plan,
    store: new FolderStore(freshFolder()),
    known: new Map(),
    registry,
    executor: idle,
    slots: [cpuEngine],
    batchSizes: new BatchSizes({ given: 8, slots: [cpuEngine] }),
    provenance: () => somewhere,
    signal: new AbortController().signal,
  });
  expect(finished[0]?.record.error?.message).toBe('the worker wrote no record');
});

test('two runs in one folder share the work: every job is done once, and each has all records', async () => {
  const one = await setting(1);
  const started: string[] = [];
  const { plan, registry } = await planFor();
  const store = new FolderStore(one.store.place);
  const notes: string[] = [];
  const slowly: Executor = {
    async run({ job }) {
      started.push(named(job));
      await new Promise((done) => setTimeout(done, 30));
      await store.writeRecord(await withWeights(store, doneRecord(job, registry)));
    },
    close: async () => undefined,
  };
  const listener = { note: (text: string) => notes.push(text) };
  const { signal } = new AbortController();
  const other = {
    plan,
    store,
    known: new Map(),
    registry,
    executor: slowly,
    slots: [cpuEngine],
    batchSizes: new BatchSizes({ given: 8, slots: [cpuEngine] }),
    provenance: () => somewhere,
    signal,
    listener,
  };
  const [mine, others] = await Promise.all([one.run(), schedule(other)]);
  expect([...one.started, ...started].sort()).toEqual(mine.map((f) => plannedName(f.planned)).sort());
  expect(others.map((f) => f.record)).toEqual(mine.map((f) => f.record));
  expect([...one.notes, ...notes].join()).toMatch('is being done by another run in this folder: waiting for it');
});

test('a run waits for a worker of another one that is gone, as long as it works at a job', async () => {
  const { run, started, store, notes } = await setting();
  const { plan } = await planFor();
  const [model] = plan.models;
  const orphan = await store.work('model', model?.job.key ?? '');
  const running = run();
  await until(() => notes.length > 0);
  expect(started).not.toContain('standard');
  await orphan?.release();
  expect((await running).every((f) => f.state === 'done')).toBe(true);
  expect(notes).toEqual(['standard is being done by another run in this folder: waiting for it']);
});

test('a checkpoint beside a record that is done is taken away, and nothing is done again', async () => {
  const { run, started, store } = await setting();
  const finished = await run();
  const checkpoints = finished.map(({ record }) => store.checkpoint(record.kind, record.key));
  for (const checkpoint of checkpoints) await checkpoint.save(Buffer.from('state'));
  started.length = 0;
  await run();
  expect(started).toEqual([]);
  for (const checkpoint of checkpoints) expect(await checkpoint.load((state) => state)).toBeUndefined();
});

test('a worker that dies after it wrote its record has done its job', async () => {
  const { registry } = await planFor();
  const dies = async (store: Store, job: Job) => {
    await store.writeRecord(await withWeights(store, doneRecord(job, registry)));
    await store.checkpoint(job.kind, job.key).save(Buffer.from('state'));
    throw new JobError({ kind: 'killed', message: 'the worker was killed by SIGKILL' });
  };
  const { run, store } = await setting(1, { standard: dies });
  const [model, ...others] = await run();
  expect(model?.state).toBe('done');
  expect(others.every((f) => f.state === 'done')).toBe(true);
  expect(await store.checkpoint('model', model?.record.key ?? '').load((state) => state)).toBeUndefined();
});

test('a model whose weights are gone is made again, and the cells of the same weights are not', async () => {
  const { run, started, store } = await setting();
  const [first] = await run();
  started.length = 0;
  rmSync(join(store.place, 'artifacts', first?.record.kind === 'model' ? first.record.weightsHash : ''));
  const again = await run();
  expect(started).toEqual(['standard']);
  expect(again.every((f) => f.state !== 'failed')).toBe(true);
});
