import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { comparable, readRecords, Store } from '../../records/folder-store.ts';
import { freshFolder } from '../harness/folders.ts';
import { doneRecord } from '../harness/records.ts';
import { planFor } from '../harness/run/plans.ts';

async function someRecords() {
  const { plan, registry } = await planFor();
  const model = plan.models[0];
  const cell = plan.cells[0]?.job(
    () => 'weights',
    () => 'key',
  );
  if (!model || !cell) throw new Error('the plan is empty');
  return { model: doneRecord(model.job, registry), cell: doneRecord(cell, registry) };
}

test('what is written is read again', async () => {
  const store = new Store(freshFolder());
  const { model, cell } = await someRecords();
  await store.writeRecord(model);
  await store.writeRecord(cell);
  expect(await store.modelRecord(model.key)).toEqual(model);
  expect(await store.cellRecord(cell.key)).toEqual(cell);
  expect(await readRecords(store.dir)).toEqual([model, cell]);
});

test('a record that is done takes its checkpoint away', async () => {
  const store = new Store(freshFolder());
  const { cell } = await someRecords();
  const checkpoint = store.checkpoint('cell', cell.key);
  expect(await checkpoint.load()).toBeUndefined();
  await checkpoint.save(Uint8Array.of(1, 2));
  expect([...((await checkpoint.load()) ?? [])]).toEqual([1, 2]);
  await store.writeRecord(cell);
  expect(await checkpoint.load()).toBeUndefined();
});

test('a checkpoint survives the record of a failure', async () => {
  const store = new Store(freshFolder());
  const { cell } = await someRecords();
  await store.checkpoint('cell', cell.key).save(Uint8Array.of(1));
  await store.writeRecord({ ...cell, status: 'failed', error: { kind: 'killed', message: 'killed' } });
  expect(await store.checkpoint('cell', cell.key).load()).toBeDefined();
});

test('records of two runs are compared without times, memory and provenance', async () => {
  const { model } = await someRecords();
  if (model.kind !== 'model') throw new Error('not a model');
  const later = { ...model, cost: { ...model.cost, wallMs: 5, peakMemoryMb: 9 }, provenance: { ...model.provenance, revision: 'other' } };
  expect(comparable(later)).toEqual(comparable(model));
  expect(comparable({ ...model, bestEpoch: 3 })).not.toEqual(comparable(model));
});

test('a file that is no record is an error that names it', async () => {
  const store = new Store(freshFolder());
  const { cell } = await someRecords();
  await store.writeRecord(cell);
  const file = join(store.dir, 'cells', `${cell.key}.json`);
  writeFileSync(file, '{"schema":1}');
  await expect(readRecords(store.dir)).rejects.toThrow(`[store] ${file} is not a record of this version`);
  writeFileSync(file, '{"schema":');
  await expect(readRecords(store.dir)).rejects.toThrow(`[store] ${file} is not a record of this version: not JSON`);
});
