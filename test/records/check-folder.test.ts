/** What a folder of records refuses, and the reason it gives: each case is one change to a folder that fits. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { validateResultsCommand } from '../../cli/commands/validate-results.ts';
import { validateResults } from '../../records/check-folder.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

let dir: string;
let records: RampartRecord[];

const placeOf = (r: RampartRecord) => (r.kind === 'model' ? `models/${r.key}/record.json` : `cells/${r.key}.json`);

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), content);
}

/** Writes all records after `change` to a copy of the cell `pgd` of the first model. */
async function withCell(change: (cell: CellRecord) => void): Promise<CellRecord> {
  const cell = structuredClone(records.find((r) => r.kind === 'cell' && r.attack.label === 'pgd')) as CellRecord;
  change(cell);
  await put(placeOf(cell), JSON.stringify(cell));
  return cell;
}

const refusals = async () => (await validateResults(dir)).refused;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rampart-results-'));
  records = syntheticRecords({ models: 2, n: 50, attacks: ['pgd'] });
  for (const r of records) r.key = r.key.slice(0, 24);
  for (const r of records) if (r.kind === 'cell') r.model.key = r.model.key.slice(0, 24);
  for (const r of records) await put(placeOf(r), JSON.stringify(r));
  await put('README.md', 'how to add');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('takes what a run wrote', async () => {
  expect(await validateResults(dir)).toEqual({ models: 2, cells: 4, refused: [] });
});

it('refuses a file out of place', async () => {
  await put('cells/notes.txt', 'hello');
  expect(await refusals()).toEqual([{ file: 'cells/notes.txt', reason: expect.stringContaining('not the place of a record') }]);
});

it('refuses what is not JSON, naming where', async () => {
  await put(`cells/${'0'.repeat(24)}.json`, '{"schema": 1,');
  expect((await refusals())[0]?.reason).toMatch(/^not JSON: /);
});

it('takes another draw of an attack, and the same with a budget', async () => {
  await withCell((c) => Object.assign(c, { key: '1'.repeat(24), attack: { ...c.attack, label: 'pgd (draw 2)', draw: 1 } }));
  await withCell((c) => Object.assign(c, { key: '2'.repeat(24), attack: { ...c.attack, label: 'pgd budget=100', budget: 100 } }));
  expect(await validateResults(dir)).toEqual({ models: 2, cells: 6, refused: [] });
});

it.each<[string, (cell: CellRecord) => void, RegExp]>([
  ['an unknown field', (c) => Object.assign(c, { note: 'mine' }), /does not fit the schema: .*note/],
  ['a missing field', (c) => Reflect.deleteProperty(c, 'interval'), /does not fit the schema: .*interval/],
  ['another schema version', (c) => Object.assign(c, { schema: 3 }), /does not fit the schema: .*schema/],
  ['a key that is not the file name', (c) => Object.assign(c, { key: 'f'.repeat(24) }), /expected the key|is not here|repeats/],
  [
    'a failed cell',
    (c) => Object.assign(c, { status: 'failed', error: { message: 'killed', kind: 'killed' } }),
    /a failed job is no result: killed/,
  ],
  [
    'outcomes too short',
    (c) => Object.assign(c.outcomes, { predictions: c.outcomes.predictions.slice(1) }),
    /expected 50 outcomes\.predictions, got 49/,
  ],
  [
    'an outcome that is neither',
    (c) => Object.assign(c.outcomes, { robust: `2${c.outcomes.robust.slice(1)}` }),
    /expected 0 or 1 in outcomes\.robust, got "2" at 0/,
  ],
  [
    'an accuracy that does not add up',
    (c) => Object.assign(c, { accuracy: c.accuracy + 0.02 }),
    /accuracy .* is not the \d+ of 50 outcomes/,
  ],
  ['indices of other images than outcomes', (c) => Object.assign(c, { indices: [1, 2, 3] }), /expected 50 indices, each once, got 3/],
  [
    'an image that is there twice',
    (c) => Object.assign(c, { indices: Array.from({ length: 50 }, (_, i) => Math.min(i, 48)) }),
    /expected 50 indices, each once/,
  ],
  ['another interval', (c) => Object.assign(c, { interval: [0, 0.5] }), /is not the Wilson interval/],
  ['other weights', (c) => Object.assign(c.model, { weightsHash: 'a'.repeat(64) }), /attacks weights a+, but the model record has/],
  ['other data', (c) => Object.assign(c.dataset, { hash: 'e'.repeat(64) }), /is on data e+, but its model on d+/],
  ['a model that is not here', (c) => Object.assign(c.model, { key: 'b'.repeat(24) }), /its model b+ is not here/],
  [
    'a perturbation outside the threat model',
    (c) => Object.assign(c.outcomes.distances, { 3: 0.04 }),
    /image 3 was moved by 0\.04, outside Linf 0\.031/,
  ],
  ['a class that is none', (c) => Object.assign(c.outcomes.labels, { 2: 10 }), /label 10 of image 2 is not one of 10 classes/],
])('refuses %s', async (_what, change, reason) => {
  const original = records.find((r) => r.kind === 'cell' && r.attack.label === 'pgd') as CellRecord;
  const changed = await withCell(change);
  if (changed.key !== original.key) {
    await rm(join(dir, placeOf(changed)));
    await put(placeOf(original), JSON.stringify(changed));
  }
  const found = await refusals();
  expect(found).toEqual([{ file: placeOf(original), reason: expect.stringMatching(reason) }]);
});

it('refuses a right outcome whose prediction is wrong', async () => {
  const model = records
    .filter((r) => r.kind === 'cell')
    .find((r) => r.outcomes.robust.includes('1') && r.attack.label === 'pgd') as CellRecord;
  const i = model.outcomes.robust.indexOf('1');
  const label = model.outcomes.labels[i] as number;
  model.outcomes.predictions[i] = (label + 1) % 10;
  await put(placeOf(model), JSON.stringify(model));
  expect((await refusals())[0]?.reason).toBe(`image ${i} counts as right, but ${(label + 1) % 10} was predicted for ${label}`);
});

it('refuses labels that differ from those of the records before', async () => {
  const cell = await withCell((c) => {
    const wrong = c.outcomes.robust.indexOf('0');
    c.outcomes.labels[wrong] = ((c.outcomes.labels[wrong] as number) + 5) % 10;
  });
  const reasons = await refusals();
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.every((r) => /the label of image \d+ is \d, but \d in cells\//.test(r.reason))).toBe(true);
  expect(cell.n).toBe(50);
});

it('compares labels by the index of the image, not by the place of the outcome', async () => {
  const reversed = (c: CellRecord) => {
    const { robust, labels, predictions, distances } = c.outcomes;
    const outcomes = { robust: [...robust].reverse().join(''), labels: [...labels].reverse(), predictions: [...predictions].reverse() };
    Object.assign(c, {
      indices: labels.map((_, i) => labels.length - 1 - i),
      outcomes: { ...outcomes, distances: [...distances].reverse() },
    });
  };
  await withCell(reversed);
  expect(await refusals()).toEqual([]);
});

it('refuses a result that is there already under another key', async () => {
  const cell = await withCell((c) => Object.assign(c, { key: 'f'.repeat(24) }));
  expect(await refusals()).toEqual([
    { file: placeOf(cell), reason: expect.stringMatching(/^repeats cells\/[0-9a-f]+\.json: the same result under another key$/) },
  ]);
});

it('checks weights against their name, and that they are of a model', async () => {
  const weights = Buffer.from('these');
  const hash = createHash('sha256').update(weights).digest('hex');
  await put(`artifacts/${hash}`, weights);
  expect(await refusals()).toEqual([{ file: `artifacts/${hash}`, reason: 'no weights of a model that is here' }]);
  const model = records.find((r) => r.kind === 'model') as ModelRecord;
  for (const r of records) {
    if (r.kind === 'model' && r.key === model.key) r.weightsHash = hash;
    if (r.kind === 'cell' && r.model.key === model.key) r.model.weightsHash = hash;
    await put(placeOf(r), JSON.stringify(r));
  }
  expect(await refusals()).toEqual([]);
  await put(`artifacts/${hash}`, 'not these');
  expect(await refusals()).toEqual([
    { file: `artifacts/${hash}`, reason: expect.stringMatching(/^expected SHA-256 [0-9a-f]{64} of its name, got [0-9a-f]{64}$/) },
  ]);
});

it('refuses a model whose data set has other contents under the same name', async () => {
  const model = records.filter((r) => r.kind === 'model')[1] as ModelRecord;
  model.dataset.hash = 'c'.repeat(64);
  for (const r of records) if (r.kind === 'cell' && r.model.key === model.key) r.dataset.hash = 'c'.repeat(64);
  for (const r of records) await put(placeOf(r), JSON.stringify(r));
  const found = await refusals();
  expect(found).toHaveLength(1);
  expect(found[0]?.reason).toMatch(/^the contents of data set cifar10 differ from those in models\//);
});

it('is a command that exits with 0 where all fits, 1 where something does not, and refuses what is no folder', async () => {
  expect(await validateResultsCommand(dir, { json: true })).toBe(0);
  await put('notes.txt', 'hello');
  expect(await validateResultsCommand(dir, { json: true })).toBe(1);
  await expect(validateResultsCommand(join(dir, 'notes.txt'), {})).rejects.toThrow(
    /\[validate-results\] .*notes\.txt is not a folder; name the folder of records/,
  );
});
