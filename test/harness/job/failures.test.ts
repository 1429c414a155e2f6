/** What the record of a failed job says: all that was asked for, and nothing that was not found. */

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RampartError } from '../../../errors.ts';
import { BudgetError } from '../../../harness/evaluate/checks.ts';
import { failedRecord, failureOf, OutOfMemory } from '../../../harness/job/failures.ts';
import type { CellJob, ModelJob } from '../../../harness/job/job.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { cellRecordSchema, modelRecordSchema } from '../../../records/record.ts';
import { somewhere } from '../records.ts';
import { planFor } from '../run/plans.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const error = { kind: 'error', message: 'it broke' } as const;

const { plan, registry } = await planFor({
  datasets: 'datasets: [{ name: shapes, train: { from: 20, count: 300 }, test: { from: 7, count: 40 } }]',
  architectures: 'architectures: [resnet-tiny]',
  defenses: 'defenses: [standard, trades, { name: bit-depth, around: [trades] }]',
  models: `models: [{ name: theirs, weights: ${golden}, arch: resnet-tiny, title: From elsewhere, paper: 'Us 2026', extraData: true, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] }]`,
  attacks: 'attacks: [{ name: pgd, steps: 3, n: 10 }, noise, autoattack]',
});
const jobs = plan.models.map((model) => model.job);
const job = (name: string) => jobs.find((j) => j.name === name) as ModelJob;
const failed = (name: string) => modelRecordSchema.parse(failedRecord(job(name), registry, error, somewhere)) as ModelRecord;
const cellJob = (label: string) =>
  plan.cells
    .find((c) => c.label === label && c.model.job.name === 'trades')
    ?.job(
      (key) => `weights of ${key}`,
      (id) => `key of ${id}`,
    ) as CellJob;
const failedCell = (label: string) => cellRecordSchema.parse(failedRecord(cellJob(label), registry, error, somewhere)) as CellRecord;

test('a training that failed has its method, threat and recipe, no weights and no cost', () => {
  const record = failed('trades');
  const { origin } = job('trades');
  if (origin.by !== 'training') throw new Error('trades is trained');
  expect(record).toMatchObject({ schema: 1, kind: 'model', key: job('trades').key, status: 'failed', error, name: 'trades', seed: 0 });
  expect(record.dataset).toMatchObject({ name: 'shapes', hash: 'hash', train: 300, validation: 40, test: 40, classNames: [] });
  expect(record.dataset.selection).toEqual({ train: { from: 20, count: 300 }, test: { from: 7, count: 40 } });
  expect(record.defense).toMatchObject({ name: 'trades', kind: 'training', params: origin.defense.params });
  expect(record.defense.title).toBe(registry.defense('trades').title);
  expect(record.defense.paper).toBe(registry.defense('trades').paper);
  expect(record.defense.references).toEqual(registry.defense('trades').references);
  expect(record.defense).not.toHaveProperty('role');
  expect(record.threat).toEqual({ norm: 'Linf', eps: 8 / 255 });
  expect(record.recipe).toEqual(origin.recipe);
  expect(record).not.toHaveProperty('wraps');
  expect(record).toMatchObject({ weightsHash: '', epochs: [], extraData: false, flags: [], provenance: somewhere });
  expect(record.cost).toMatchObject({ passes: { forward: 0, backward: 0 }, optimizerSteps: 0, examples: 0, wallMs: 0 });
  expect(failed('standard').defense.role).toBe('baseline');
});

test('a wrapper that failed names the model that it wraps, and has neither recipe nor threat of its own', () => {
  const record = failed('bit-depth on trades');
  expect(record.wraps).toBe(job('trades').key);
  expect(record.defense).toMatchObject({ name: 'bit-depth', kind: 'wrapper', title: registry.defense('bit-depth').title });
  expect(record.recipe).toEqual({});
  expect(record).not.toHaveProperty('threat');
  expect(record.dataset.validation).toBe(0);
});

test('a model from elsewhere that failed is what the suite says of it', () => {
  const record = failed('theirs');
  expect(record.defense).toEqual({ name: 'theirs', version: 1, params: {}, title: 'From elsewhere', paper: 'Us 2026', kind: 'pretrained' });
  expect(record).toMatchObject({ extraData: true, recipe: {}, weightsHash: '' });
  expect(record).not.toHaveProperty('threat');
  expect(record).not.toHaveProperty('wraps');
});

test('its architecture is counted on images of its data set', () => {
  // of 32 x 32 x 3: the first convolution, a block on 32 x 32 x 16, two that halve the side and double the channels, ten classes
  const halving = (area: number, from: number) => area * (9 * from * 2 * from + 9 * (2 * from) ** 2 + from * 2 * from);
  const wanted = 1024 * 9 * 3 * 16 + 1024 * 2 * 9 * 16 * 16 + halving(256, 16) + halving(64, 32) + 64 * 10;
  expect(failed('trades').arch).toMatchObject({ name: 'resnet-tiny', parameters: 0, multiplyAdds: wanted });
});

test('a cell that failed has an accuracy that nothing is known of', () => {
  const record = failedCell('pgd');
  expect(record).toMatchObject({
    status: 'failed',
    error,
    key: cellJob('pgd').key,
    model: { name: 'trades' },
    threat: { norm: 'Linf', eps: 8 / 255 },
    n: 10,
    accuracy: 0,
    interval: [0, 1],
    outcomes: { robust: '', labels: [], predictions: [], distances: [] },
    passes: { forward: 0, backward: 0 },
    wallMs: 0,
    imagesPerSecond: 0,
    peakMemoryMb: 0,
    flags: [],
    provenance: somewhere,
  });
  // the first ten of the images from the eighth on
  expect(record.indices).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
});

test('what an attack is stands in its cell: baseline, ensemble, or neither', () => {
  const roles = Object.fromEntries(['clean', 'pgd', 'noise', 'autoattack'].map((label) => [label, failedCell(label).attack]));
  expect(roles.clean).toEqual({
    name: 'clean',
    version: 1,
    params: {},
    label: 'clean',
    title: 'Clean accuracy',
    paper: '',
    access: 'none',
  });
  expect(roles.pgd).toMatchObject({ name: 'pgd', access: 'gradient', title: registry.attack('pgd').title });
  expect(roles.pgd).not.toHaveProperty('role');
  expect(roles.noise).toMatchObject({ role: 'baseline' });
  expect(roles.autoattack).toMatchObject({ role: 'ensemble', access: 'gradient' });
});

test('images from the start of the split are not listed', async () => {
  const { plan: first, registry: plugins } = await planFor();
  const clean = first.cells[0]?.job(
    () => 'weights',
    () => 'key',
  ) as CellJob;
  expect(failedRecord(clean, plugins, error, somewhere)).not.toHaveProperty('indices');
});

test.each<[string, unknown, string]>([
  ['a point outside of its budget', new BudgetError('[attack x] too far'), 'budget'],
  ['an error of ours', new RampartError('no such file'), 'error'],
  ['an error of ours for want of memory', new OutOfMemory('4 images: out of memory'), 'memory'],
  ['an allocation of C++', new Error('std::bad_alloc'), 'memory'],
  ['an array that is too long', new RangeError('Invalid array length'), 'memory'],
  ['a buffer that is too long', new RangeError('Invalid array buffer length'), 'memory'],
  ['the allocator of PyTorch', new Error('DefaultCPUAllocator: can not allocate 12 bytes'), 'memory'],
  ['WebAssembly', new RangeError('Cannot enlarge memory, requested 5 pages'), 'memory'],
  ['a mistake of a plug-in', new TypeError('x is undefined'), 'error'],
  ['what is no error', 12, 'error'],
])('%s is told by its kind', (_what, thrown, kind) => {
  const failure = failureOf(thrown);
  expect(failure.kind).toBe(kind);
  if (thrown instanceof RampartError) expect(failure.message).toBe(thrown.message);
});

test('an error without a place is told without one', () => {
  const lost = new TypeError('x is undefined');
  lost.stack = 'TypeError: x is undefined';
  expect(failureOf(lost)).toEqual({ kind: 'error', message: 'TypeError: x is undefined' });
});
