/** The diagnosis in a run: on the record of the clean cell, with a cost of its own, and no part of what the attacks are. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { Measured } from '../../../records/masking/diagnosis.ts';
import type { CellRecord, RampartRecord } from '../../../records/record.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from '../run/in-process.ts';

const cellOf = (records: readonly RampartRecord[], name: string) =>
  records.find((r) => r.kind === 'cell' && r.attack.name === name) as CellRecord;

const suite = (diagnosis: string, more: Record<string, string> = {}) => ({
  ...TINY,
  attacks: 'attacks: [fgsm]',
  // so that it has learnt something
  datasets: 'datasets: [{ name: shapes, train: 640, test: 12 }]',
  recipe: 'recipe: { epochs: 5, validation: 40, validateEvery: 5, batchSize: 32, augment: none }',
  diagnosis: `diagnosis: ${diagnosis}`,
  ...more,
});

test('switched on later it makes the clean cell again and no attack; its passes are its own', async () => {
  const store = new FolderStore(freshFolder());
  const off = await (await inProcess(store, suite('off'))).run();
  expect(cellOf(off.records, 'clean').diagnosis).toBeUndefined();

  const on = await inProcess(store, suite('3'));
  const { records } = await on.run();
  expect(on.performed).toEqual(['clean']);
  const clean = cellOf(records, 'clean');
  const diagnosis = clean.diagnosis as Measured;
  expect(diagnosis).toMatchObject({ status: 'done', standIn: false, declaredRandom: false, threat: { norm: 'Linf', eps: 8 / 255 } });
  const right = [...clean.outcomes.robust].flatMap((r, i) => (r === '1' ? [i] : []));
  expect(diagnosis.images).toEqual(right.slice(0, 3));
  expect(clean.passes).toEqual({ forward: 12, backward: 0 });
  expect(diagnosis.passes.backward).toBeGreaterThan(0);
  expect(clean.outcomes).toEqual(cellOf(off.records, 'clean').outcomes);

  const again = await inProcess(store, suite('3'));
  await again.run();
  expect(again.performed).toEqual([]);
});

test('the gradient of a wrapper that stands in for one is known as such', async () => {
  const store = new FolderStore(freshFolder());
  const wrapped = suite('2', { defenses: 'defenses: [standard, { name: bit-depth, bits: 7 }]' });
  const { records } = await (await inProcess(store, wrapped)).run();
  const found = records.flatMap((r) => (r.kind === 'cell' && r.diagnosis?.status === 'done' ? [[r.model.name, r.diagnosis.standIn]] : []));
  expect(Object.fromEntries(found)).toEqual({ standard: false, 'bit-depth on standard': true });
});

test('a model that was found to answer anew without saying so is attacked as a randomised classifier', async () => {
  const store = new FolderStore(freshFolder());
  const { records } = await (await inProcess(store, suite('2'))).run();
  const [clean, fgsm] = [cellOf(records, 'clean'), cellOf(records, 'fgsm')];
  expect(fgsm.flags).toEqual([]);
  const diagnosis = clean.diagnosis as Measured;
  await store.writeRecord({ ...clean, diagnosis: { ...diagnosis, repeats: { passes: 4, spread: 0.2, changed: 1 } } });
  rmSync(join(store.place, 'cells', `${fgsm.key}.json`));
  const attacked = cellOf((await (await inProcess(store, suite('2'))).run()).records, 'fgsm');
  expect(attacked.flags.map((f) => f.name)).toEqual(['randomized']);
});
