import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Store } from '../../records/folder-store.ts';
import { readRun } from '../../records/run-index.ts';
import { freshFolder } from '../harness/folders.ts';
import { doneRecord } from '../harness/records.ts';
import { planFor } from '../harness/run/plans.ts';

async function twoModels() {
  const { plan, registry } = await planFor();
  const store = new Store(freshFolder());
  const records = plan.models.map((m) => doneRecord(m.job, registry));
  for (const record of records) await store.writeRecord(record);
  const keys = records.map((r) => r.key);
  const index = (entries: unknown[]) => {
    const suite = { name: 's', title: 'S', description: '', file: 's.yml' };
    writeFileSync(join(store.dir, 'run.json'), JSON.stringify({ suite, records: entries }));
  };
  return { dir: store.dir, keys, index };
}

test('a folder without an index gives all its records', async () => {
  const { dir } = await twoModels();
  expect((await readRun(dir)).length).toBe(2);
});

test('records are those of the last run, in its order, under its names and on its test set', async () => {
  const { dir, keys, index } = await twoModels();
  index([{ kind: 'model', key: keys[1], model: 'renamed', data: { hash: 'longer', test: 80 } }]);
  const [only, ...rest] = await readRun(dir);
  expect(rest).toEqual([]);
  expect(only).toMatchObject({ key: keys[1], name: 'renamed', dataset: { hash: 'longer', test: 80, train: 300 } });
});

test('an index of another version is refused with the way out', async () => {
  const { dir, index } = await twoModels();
  index([{ what: 1 }]);
  await expect(readRun(dir)).rejects.toThrow(/run\.json is not an index of this version; run the suite again/);
});
