/** What a folder of records takes at the edge of what it may hold, and the first value beyond. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { validateResults } from '../../records/check-folder.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { wilson } from '../../records/stats.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

let dir: string;
let cell: CellRecord;
let clean: CellRecord;
let model: ModelRecord;

const placeOf = (r: RampartRecord) => (r.kind === 'model' ? `models/${r.key}/record.json` : `cells/${r.key}.json`);

async function put(...records: RampartRecord[]): Promise<void> {
  for (const r of records) {
    await mkdir(dirname(join(dir, placeOf(r))), { recursive: true });
    await writeFile(join(dir, placeOf(r)), JSON.stringify(r));
  }
}

/** Why the folder is refused with these records, by file. */
async function reasons(...records: RampartRecord[]): Promise<string[]> {
  await put(model, clean, cell, ...records);
  const { refused } = await validateResults(dir);
  return refused.map(({ reason }) => reason);
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rampart-results-'));
  const records = syntheticRecords({ models: 1, n: 6, attacks: ['pgd'] });
  for (const r of records) r.key = r.key.slice(0, 24);
  model = records.find((r) => r.kind === 'model') as ModelRecord;
  for (const r of records) if (r.kind === 'cell') r.model.key = model.key;
  const labelled = (label: string) => records.find((r) => r.kind === 'cell' && r.attack.label === label) as CellRecord;
  [cell, clean] = [labelled('pgd'), labelled('clean')];
  cell.outcomes = {
    ...cell.outcomes,
    robust: '000111',
    labels: [0, 1, 9, 0, 1, 9],
    predictions: [1, 9, 0, 0, 1, 9],
    distances: [0, 0, 0, 0, 0, 0],
  };
  clean.outcomes = {
    ...clean.outcomes,
    robust: '111111',
    labels: [0, 1, 9, 0, 1, 9],
    predictions: [0, 1, 9, 0, 1, 9],
    distances: [0, 0, 0, 0, 0, 0],
  };
  Object.assign(cell, { accuracy: 0.5, interval: wilson(3, 6) });
  Object.assign(clean, { accuracy: 1, interval: wilson(6, 6) });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('takes the first and the last class, all test images, and a perturbation of the whole radius', async () => {
  cell.outcomes.distances[0] = Number(cell.threat.eps.toFixed(6));
  model.dataset.test = 6;
  expect(await reasons()).toEqual([]);
});

it('refuses a class beyond the last and before the first, as label and as prediction', async () => {
  cell.outcomes.predictions[1] = 10;
  expect(await reasons()).toEqual(['prediction 10 of image 1 is not one of 10 classes']);
  cell.outcomes.predictions[1] = -1;
  expect(await reasons()).toEqual(['prediction -1 of image 1 is not one of 10 classes']);
  Object.assign(cell.outcomes.predictions, { 1: 0 });
  Object.assign(cell.outcomes.labels, { 1: -1 });
  expect((await reasons())[0]).toMatch(/label/);
});

it('refuses more images than the data set has, and none', async () => {
  model.dataset.test = 5;
  expect(await reasons()).toEqual(Array(2).fill('expected at most the 5 test images, got n 6'));
  model.dataset.test = 6;
  Object.assign(cell, { n: 0, accuracy: 0, interval: [0, 1], outcomes: { robust: '', labels: [], predictions: [], distances: [] } });
  expect(await reasons()).toEqual(['expected at least one image, got n 0']);
});

it('refuses a perturbation of a negative size, one just beyond the radius, and any of a clean cell', async () => {
  cell.outcomes.distances[0] = cell.threat.eps * 1.002;
  expect(await reasons()).toEqual([expect.stringContaining('image 0 was moved by')]);
  cell.outcomes.distances[0] = -0.001;
  expect((await reasons()).length).toBe(1);
  cell.outcomes.distances[0] = 0;
  clean.outcomes.distances[0] = 0.001;
  expect(await reasons()).toEqual([expect.stringContaining('image 0 was moved by 0.001, outside')]);
});

it('refuses an interval that is off at either end', async () => {
  const [low, high] = wilson(3, 6);
  cell.interval = [low + 1e-5, high];
  expect(await reasons()).toEqual([expect.stringContaining('is not the Wilson interval')]);
  cell.interval = [low, high - 1e-5];
  expect(await reasons()).toEqual([expect.stringContaining('is not the Wilson interval')]);
});

it('refuses a model whose weights have no SHA-256, and one with a single class', async () => {
  const changed = structuredClone(model);
  Object.assign(model, { weightsHash: `${'a'.repeat(63)}g` });
  for (const c of [cell, clean]) c.model.weightsHash = model.weightsHash;
  expect(await reasons()).toEqual([expect.stringMatching(/^expected a SHA-256 as weightsHash, got "a+g"$/)]);
  model = changed;
  for (const c of [cell, clean]) c.model.weightsHash = model.weightsHash;
  model.dataset.classNames = ['only'];
  expect(await reasons()).toContain('expected at least 2 class names, got 1');
});

it('takes a wrapper whose base is here, and refuses one whose base is not', async () => {
  const wrapper: ModelRecord = { ...structuredClone(model), key: 'b'.repeat(24), name: 'jpeg', wraps: model.key };
  wrapper.defense = { ...wrapper.defense, name: 'jpeg', kind: 'wrapper' };
  expect(await reasons(wrapper)).toEqual([]);
  expect(await reasons({ ...wrapper, wraps: 'c'.repeat(24) })).toEqual([`wraps model ${'c'.repeat(24)}, which is not here`]);
});

it('takes models that differ in seed alone, and refuses one that repeats another under a new key', async () => {
  const again = { ...structuredClone(model), key: 'b'.repeat(24) };
  expect(await reasons({ ...again, seed: model.seed + 1 })).toEqual([]);
  expect(await reasons(again)).toEqual([expect.stringMatching(/^repeats models\/.*: the same result under another key$/)]);
});

it('a failed job without a reason says so', async () => {
  const { error: _, ...rest } = cell;
  cell = { ...rest, status: 'failed' } as CellRecord;
  expect((await reasons())[0]).toMatch(/^a failed job is no result|does not fit/);
});

it('takes any distance of an attack without a radius', async () => {
  cell.outcomes.distances[0] = 0.9;
  expect(await reasons()).toEqual([expect.stringContaining('was moved by 0.9, outside')]);
  cell.attack.bounded = false;
  expect(await reasons()).toEqual([]);
});

it('takes the best and the final epoch of one training where they are the same', async () => {
  model.recipe = { ...model.recipe, keep: 'best' };
  const last = { ...structuredClone(model), key: 'b'.repeat(24), name: 'last' };
  expect(await reasons(last)).toEqual([expect.stringContaining('the same result under another key')]);
  expect(await reasons({ ...last, recipe: { ...model.recipe, keep: 'last' } })).toEqual([]);
});
