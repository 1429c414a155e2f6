/** What every store must do, whatever it is made of. */
import { expect, test } from 'vitest';
import type { Entry } from '../../models/safetensors.ts';
import { sha256 } from '../../records/hash.ts';
import { type CellRecord, isInBall, type ModelRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { doneRecord } from '../harness/records.ts';
import { planFor } from '../harness/run/plans.ts';

/** A record of each kind, done. */
export async function someRecords(): Promise<{ model: ModelRecord; cell: CellRecord }> {
  const { plan, registry } = await planFor();
  const [planned] = plan.cells;
  if (!planned) throw new Error('the plan is empty');
  const cell = doneRecord(
    planned.job(
      () => 'weights',
      () => 'key',
    ),
    registry,
  );
  const model = doneRecord(planned.model.job, registry);
  if (model.kind !== 'model' || !isInBall(cell)) throw new Error('not of their kinds');
  return { model, cell };
}

/** Two images of 1 x 2 in grey, of the first two that a cell's attack broke. */
export function someExamples(): Map<string, Entry> {
  return new Map([
    ['ids', { shape: [2], data: Float32Array.of(0, 2) }],
    ['clean', { shape: [2, 1, 2, 1], data: Float32Array.of(0, 0.25, 0.5, 1) }],
    ['adversarial', { shape: [2, 1, 2, 1], data: Float32Array.of(0.125, 0.25, 0.5, 0.75) }],
  ]);
}

export const broken = (cell: CellRecord): CellRecord => ({
  ...cell,
  n: 4,
  outcomes: { robust: '0101', labels: [0, 1, 0, 1], predictions: [1, 1, 1, 1], distances: [0, 0, 0, 0] },
});

/** `open` gives a store on one place, anew with each call; `fresh` makes that place another, empty one. */
export function contract(fresh: () => void, open: () => Store): void {
  const start = async () => {
    fresh();
    const store = open();
    await store.prepare();
    return store;
  };

  test('what is not there is undefined, and an empty store has no records', async () => {
    const store = await start();
    const { model, cell } = await someRecords();
    expect(await store.records()).toEqual([]);
    expect(await store.record('model', model.key)).toBeUndefined();
    expect(await store.record('cell', cell.key)).toBeUndefined();
    expect(await store.artifact(sha256('nothing'))).toBeUndefined();
    expect(await store.examples(cell)).toBeUndefined();
    expect(await store.checkpoint('cell', cell.key).load((state) => state)).toBeUndefined();
    expect(await store.index()).toBeUndefined();
  });

  test('records are read as they were written, by whoever opens the store, models first and in the order of keys', async () => {
    const store = await start();
    const { model, cell } = await someRecords();
    const later = { ...model, key: 'f'.repeat(24) };
    const earlier = { ...cell, key: '0'.repeat(24) };
    for (const record of [cell, later, earlier, model]) await store.writeRecord(record);
    for (const each of [store, open()]) {
      expect(await each.record('model', model.key)).toEqual(model);
      expect(await each.record('cell', cell.key)).toEqual(cell);
      expect(await each.records()).toEqual([model, later, earlier, cell]);
    }
  });

  test('a record that is written again takes the place of the first', async () => {
    const store = await start();
    const { cell } = await someRecords();
    await store.writeRecord({ ...cell, status: 'failed', error: { kind: 'killed', message: 'killed' } });
    await store.writeRecord(cell);
    expect(await store.records()).toEqual([cell]);
  });

  test('a record that is removed is gone, and so is one that was not there', async () => {
    const store = await start();
    const { cell, model } = await someRecords();
    await store.writeRecord(cell);
    await store.writeRecord(model);
    await store.removeRecord('cell', cell.key);
    await store.removeRecord('cell', cell.key);
    expect(await store.records()).toEqual([model]);
  });

  test('what is no record is refused before it is written', async () => {
    const store = await start();
    const { cell } = await someRecords();
    await expect(store.writeRecord({ ...cell, accuracy: 'high' } as never)).rejects.toThrow(/accuracy/);
    expect(await store.records()).toEqual([]);
  });

  test('artifacts are found by the SHA-256 of their bytes', async () => {
    const store = await start();
    const bytes = Uint8Array.of(1, 2, 3);
    // of the bytes 1, 2, 3
    const hash = '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81';
    expect(await store.putArtifact(bytes)).toBe(hash);
    expect(await store.putArtifact(bytes)).toBe(hash);
    expect([...((await open().artifact(hash)) ?? [])]).toEqual([1, 2, 3]);
  });

  test('labels of images are kept once for all records on them, which are read whole', async () => {
    const store = await start();
    const cell = broken((await someRecords()).cell);
    const { labels } = cell.outcomes;
    const hash = await store.putLabels({ labels });
    expect(await store.putLabels({ labels })).toBe(hash);
    expect(await store.putLabels({ labels, indices: [4, 5, 6, 7] })).not.toBe(hash);
    expect(await open().hasLabels(hash)).toBe(true);
    expect(await open().hasLabels(sha256('none'))).toBe(false);
    const elsewhere = { ...cell, key: 'e'.repeat(24), indices: [4, 5, 6, 7] };
    for (const each of [cell, elsewhere]) {
      await store.writeRecord(each);
      expect(await open().record('cell', each.key)).toEqual(each);
    }
  });

  test('examples are those of the record that has their hash', async () => {
    const store = await start();
    const cell = broken((await someRecords()).cell);
    const examples = await store.writeExamples(cell.key, someExamples());
    const read = await open().examples({ ...cell, examples });
    expect(read).toMatchObject({ ids: [0, 2], shape: [1, 2, 1] });
    expect([...(read?.adversarial ?? [])]).toEqual([0.125, 0.25, 0.5, 0.75]);
    await expect(store.examples({ ...cell, examples: sha256('others') })).rejects.toThrow(/expected SHA-256/);
  });

  test('a checkpoint is what was saved last, until it is dropped or the record is done', async () => {
    const store = await start();
    const { cell, model } = await someRecords();
    const state = async () => [
      ...((await open()
        .checkpoint('cell', cell.key)
        .load((state) => state)) ?? []),
    ];
    const checkpoint = store.checkpoint('cell', cell.key);
    await checkpoint.save(Uint8Array.of(1, 2));
    await checkpoint.save(Uint8Array.of(3));
    expect(await state()).toEqual([3]);
    await store.writeRecord({ ...cell, status: 'failed', error: { kind: 'killed', message: 'killed' } });
    expect(await state()).toEqual([3]);
    await store.checkpoint('model', model.key).save(Uint8Array.of(4));
    await store.writeRecord(cell);
    expect(await state()).toEqual([]);
    expect([...((await store.checkpoint('model', model.key).load((state) => state)) ?? [])]).toEqual([4]);
    await store.checkpoint('model', model.key).drop();
    await store.checkpoint('model', model.key).drop();
    expect(await store.checkpoint('model', model.key).load((state) => state)).toBeUndefined();
  });

  test('a job is claimed by one at a time', async () => {
    const store = await start();
    const { cell } = await someRecords();
    const claim = await store.claim('cell', cell.key);
    expect(claim).toBeDefined();
    expect(await open().claim('cell', cell.key)).toBeUndefined();
    expect(await open().claim('model', cell.key)).toBeDefined();
    await claim?.release();
    expect(await open().claim('cell', cell.key)).toBeDefined();
  });

  test('one at a time works at a job, and no run claims it meanwhile', async () => {
    const store = await start();
    const { cell } = await someRecords();
    const claim = await store.claim('cell', cell.key);
    const work = await open().work('cell', cell.key);
    expect(work).toBeDefined();
    expect(await open().work('cell', cell.key)).toBeUndefined();
    expect(await open().work('model', cell.key)).toBeDefined();
    await claim?.release();
    expect(await open().claim('cell', cell.key)).toBeUndefined();
    await work?.release();
    expect(await open().claim('cell', cell.key)).toBeDefined();
  });

  test('the index is the one that was written last', async () => {
    const store = await start();
    const suite = { name: 's', title: 'S', description: '', file: 's.yml' };
    await store.writeIndex({ suite, records: [] });
    const index = { suite, records: [{ kind: 'model' as const, key: 'k', model: 'm', data: { hash: 'h', test: 3 } }] };
    await store.writeIndex(index);
    expect(await open().index()).toEqual(index);
  });
}
