import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord } from '../../../records/record.ts';
import { recordsOfRun } from '../../../records/run-index.ts';
import { comparable, type Kind } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from './in-process.ts';

/** Counts how often each record is read. */
class CountingStore extends FolderStore {
  readonly reads = new Map<string, number>();

  override record<K extends Kind>(kind: K, key: string) {
    this.reads.set(key, (this.reads.get(key) ?? 0) + 1);
    return super.record(kind, key);
  }
}

const ONE: Record<string, string> = { ...TINY, attacks: 'attacks: [fgsm]', recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 20 }' };

test('a run of what is done reads each record once and asks for no engine', { timeout: 100_000 }, async () => {
  const store = new CountingStore(freshFolder());
  const { run, performed, settings, probes } = await inProcess(store, ONE);
  const { records } = await run();
  expect([performed.length, probes()]).toEqual([3, 1]);
  expect(settings()).toEqual({ plugins: [], keepExamples: 2, publish: undefined, timeoutMinutes: 30 });
  store.reads.clear();
  const again = await run();
  expect([performed.length, probes()]).toEqual([3, 1]);
  expect([...store.reads.values()]).toEqual([1, 1, 1]);
  expect(again.records).toEqual(records);
  expect(again.probe.info.name).toBe('wasm');
  expect(recordsOfRun(await store.records(), await store.index())).toEqual(records);
});

test('where something is to do, the engine is asked for again', { timeout: 100_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run, performed, probes } = await inProcess(store, ONE);
  const { records } = await run();
  const cell = records.find((r) => r.kind === 'cell' && r.attack.label === 'fgsm');
  rmSync(join(store.place, 'cells', `${cell?.key}.json`));
  const again = await run();
  expect([performed.length, probes()]).toEqual([4, 2]);
  expect(again.records.map(comparable)).toEqual(records.map(comparable));
});

test('weights and examples that are gone are told, and what they belong to is done again', { timeout: 100_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run, performed, notes } = await inProcess(store, { ...ONE, threats: 'threats: [{ norm: Linf, eps: 0.5 }]' });
  const { records } = await run();
  const [model, , cell] = records;
  if (model?.kind !== 'model' || cell?.kind !== 'cell') throw new Error('not in the order of the plan');
  expect([notes, cell.examples]).toEqual([[], expect.stringMatching(/^[0-9a-f]{64}$/)]);
  rmSync(join(store.place, 'cells', `${cell.key}.examples.safetensors`));
  const second = await run();
  expect(notes).toEqual(['its examples are not there: fgsm on standard is done again']);
  expect(performed.slice(3)).toEqual(['fgsm']);
  rmSync(join(store.place, 'artifacts', model.weightsHash));
  const third = await run();
  expect(notes.slice(1)).toEqual(['its weights are not there: standard is done again']);
  expect(performed.slice(4)).toEqual(['standard']);
  for (const { records: again } of [second, third]) expect(again.map(comparable)).toEqual(records.map(comparable));
});

test('so are published images, missing ones and damaged ones', { timeout: 100_000 }, async () => {
  const told: string[] = [];
  const store = new FolderStore(freshFolder(), { mend: true, onDamage: ({ reason }) => told.push(reason) });
  const { run, performed, notes } = await inProcess(store, { ...ONE, publish: 'publish: { adversarial: 6 }' });
  const { records } = await run();
  const cell = records.find((r) => r.kind === 'cell' && r.published !== undefined);
  const { originals, points } = (cell as CellRecord).published as NonNullable<CellRecord['published']>;
  for (const [i, hash] of [originals, points].entries()) {
    const file = join(store.place, 'images', `${hash}.safetensors`);
    if (i === 0) rmSync(file);
    else truncateSync(file, 10);
    const again = await run();
    expect(again.records.map(comparable)).toEqual(records.map(comparable));
    expect(performed.slice(3 + i)).toEqual(['fgsm']);
    expect(await store.images(hash)).toBeDefined();
  }
  expect(notes).toEqual(new Array(2).fill('its published images are not there: fgsm on standard is done again'));
  expect(told).toEqual([expect.stringContaining('it was changed after it was written')]);
});

test('another number of threads is another question', { timeout: 100_000 }, async () => {
  const store = new FolderStore(freshFolder());
  await (await inProcess(store, ONE)).run();
  const other = await inProcess(store, { ...ONE, engine: 'engine: { name: wasm, batchSize: 4, workers: 1, threads: 2 }' });
  await other.run();
  expect(other.probes()).toBe(1);
});

test('records of failures, and of what failed with them, are gone after a run in which all went well', { timeout: 100_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run } = await inProcess(store, ONE);
  const { records } = await run();
  const [model, , cell] = records;
  if (model?.kind !== 'model' || cell?.kind !== 'cell') throw new Error('not in the order of the plan');
  const error = { kind: 'dependency', message: 'model standard failed: killed' } as const;
  await store.writeRecord({ ...cell, key: 'f'.repeat(24), status: 'failed', error, model: { ...cell.model, weightsHash: '' } });
  await run();
  expect((await store.records()).map((r) => r.key).sort()).toEqual(records.map((r) => r.key).sort());
});
