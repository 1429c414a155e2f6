/** The files of cells: small, read as they were written, checked like those of before, which are still read. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { validateResults } from '../../../records/check-folder.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { packNumbers } from '../../../records/packed/numbers.ts';
import { type CellRecord, isInBall, type RampartRecord } from '../../../records/record.ts';
import { seal } from '../../../records/seal.ts';
import { buildSite } from '../../../reports/site.ts';
import { freshFolder } from '../../harness/folders.ts';
import { syntheticRecords } from '../../reports/synthetic.ts';

let dir: string;
let records: RampartRecord[];

const shortened = (all: RampartRecord[]) => {
  for (const r of all) r.key = r.key.slice(0, 24);
  for (const r of all) if (r.kind === 'cell') r.model.key = r.model.key.slice(0, 24);
  return all;
};
const cellFile = (cell: CellRecord) => join(dir, 'cells', `${cell.key}.json`);
const cells = () => records.filter(isInBall);
const attack = () => cells().find((c) => c.attack.label === 'pgd' && c.outcomes.robust.includes('1')) as CellRecord;
const refusals = async () => (await validateResults(dir)).refused;
const labelFiles = () => readdirSync(join(dir, 'labels')).map((name) => `labels/${name}`);

beforeEach(async () => {
  dir = freshFolder();
  records = shortened(syntheticRecords({ models: 3, n: 1000 }));
  const store = new FolderStore(dir);
  for (const r of records) await store.writeRecord(r);
});

/** Writes the file of a cell anew, with its checksum or without any. */
function change(cell: CellRecord, changes: object, sealed = true): void {
  const { checksum: _, ...file } = JSON.parse(readFileSync(cellFile(cell), 'utf8'));
  const changed = { ...file, ...changes, outcomes: { ...file.outcomes, ...((changes as { outcomes?: object }).outcomes ?? {}) } };
  writeFileSync(cellFile(cell), sealed ? seal(changed, 0) : JSON.stringify(changed));
}

test('records are read as they were written, and what a run wrote is taken', async () => {
  const read = await new FolderStore(dir).records();
  const byKey = (a: RampartRecord, b: RampartRecord) => (a.kind === b.kind ? (a.key < b.key ? -1 : 1) : a.kind === 'model' ? -1 : 1);
  expect(read).toEqual([...records].sort(byKey));
  expect(await validateResults(dir)).toEqual({ models: 3, cells: cells().length, refused: [] });
});

test('labels are kept once for all cells on the same images, and an image takes a byte or two of a record where the attack goes to the radius', async () => {
  expect(labelFiles()).toHaveLength(1);
  const cell = attack();
  const { robust, distances } = cell.outcomes;
  const atRadius = { ...cell, outcomes: { ...cell.outcomes, distances: distances.map((_, i) => (robust[i] === '1' ? 0 : 0.031373)) } };
  await new FolderStore(dir).writeRecord(atRadius);
  const head = seal({ ...cell, outcomes: {} }, 0).length;
  expect((statSync(cellFile(cell)).size - head) / cell.n).toBeLessThan(1.5);
  expect(readFileSync(cellFile(attack()), 'utf8').trimEnd().split('\n')).toHaveLength(1);
});

test('cells on some images of a test set, and on more of them, have labels of their own', async () => {
  const { outcomes, ...cell } = attack();
  const some = {
    ...cell,
    key: 'a'.repeat(24),
    n: 2,
    indices: [7, 5],
    outcomes: {
      robust: '01',
      labels: outcomes.labels.slice(0, 2),
      predictions: [0, outcomes.labels[1] as number],
      distances: [0.01, 0.02],
    },
  };
  await new FolderStore(dir).writeRecord(some);
  expect(labelFiles()).toHaveLength(2);
  expect(await new FolderStore(dir).record('cell', some.key)).toEqual(some);
});

test('files of before, whole and on many lines, are read, checked and shown like those of now', async () => {
  const now = await new FolderStore(dir).records();
  const site = await buildSite(now);
  for (const cell of cells()) writeFileSync(cellFile(cell), seal(cell));
  rmSync(join(dir, 'labels'), { recursive: true });
  const before = await new FolderStore(dir).records();
  expect(before).toEqual(now);
  expect(await validateResults(dir)).toMatchObject({ cells: cells().length, refused: [] });
  expect((await buildSite(before)).paths()).toEqual(site.paths());
});

test('a failed cell has no outcomes to pack', async () => {
  const { outcomes: _, ...cell } = attack();
  const nothing = { robust: '', labels: [], predictions: [], distances: [] };
  const failed: CellRecord = { ...cell, status: 'failed', error: { kind: 'killed', message: 'killed' }, outcomes: nothing };
  await new FolderStore(dir).writeRecord(failed);
  expect(await new FolderStore(dir).record('cell', cell.key)).toEqual(failed);
});

test('where labels are lost, the cells on them cannot be read, and each says what is missing', async () => {
  const [file] = labelFiles() as [string];
  rmSync(join(dir, file));
  const told: string[] = [];
  const read = await new FolderStore(dir, { onDamage: ({ reason }) => told.push(reason) }).records();
  expect(read.map((r) => r.kind)).toEqual(['model', 'model', 'model']);
  expect(told).toEqual(cells().map(() => `the labels of its images, ${file}, are not there`));
  expect((await refusals()).map(({ reason }) => reason)).toEqual(cells().map(() => `the labels of its images, ${file}, are not here`));
});

test('labels that were changed are refused, and so are those of no cell', async () => {
  const [file] = labelFiles() as [string];
  const text = readFileSync(join(dir, file), 'utf8');
  writeFileSync(join(dir, file), text.replace('[0,7', '[7,0'));
  expect(await refusals()).toContainEqual({ file, reason: expect.stringMatching(/^expected SHA-256 [0-9a-f]{64} of its name, got/) });
  writeFileSync(join(dir, file), text);
  const other = await new FolderStore(dir).putLabels({ labels: [1, 2] });
  expect(await refusals()).toEqual([{ file: `labels/${other}.json`, reason: 'no labels of a cell that is here' }]);
});

test('a file of labels that holds anything else is refused by its form', async () => {
  const store = new FolderStore(dir);
  const hash = await store.putLabels({ labels: ['secret'] as unknown as number[] }).catch((error: Error) => error.message);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await refusals()).toEqual([
    { file: `labels/${hash}.json`, reason: 'expected the labels of images as numbers, and perhaps their indices' },
  ]);
});

const flippedBit = (cell: CellRecord) => {
  const i = cell.outcomes.robust.indexOf('1');
  const predictions = cell.outcomes.predictions.map((p, k) => (k === i ? (p + 1) % 10 : p));
  return { i, predictions };
};

test('a packed record whose predictions are not those of right answers is refused', async () => {
  const cell = attack();
  const { i, predictions } = flippedBit(cell);
  change(cell, { outcomes: { predictions: packNumbers(predictions, 0) } });
  const label = cell.outcomes.labels[i] as number;
  expect((await refusals()).map(({ reason }) => reason)).toEqual([
    `image ${i} counts as right, but ${(label + 1) % 10} was predicted for ${label}`,
  ]);
});

test.each<[string, object, RegExp]>([
  ['an accuracy that does not add up', { accuracy: 0.123 }, /accuracy 0\.123 is not the \d+ of 1000 outcomes/],
  ['another interval', { interval: [0, 1] }, /is not the Wilson interval/],
  ['fewer images than labels', { n: 999 }, /expected 999 outcomes\.labels, got 1000/],
  ['more images than any data set has', { n: 2 ** 21 }, /does not fit the schema: .*n/],
  ['other labels', { images: 'e'.repeat(64) }, /the labels of its images, labels\/e+\.json, are not here/],
  ['a hash that is a path', { images: '../../secret' }, /does not fit the schema: .*images/],
  ['whole outcomes', { outcomes: { predictions: [1, 2] } }, /does not fit the schema: .*predictions/],
  [
    'what is no number',
    { outcomes: { distances: packNumbers(new Array(1000).fill(Number.NaN), 6) } },
    /does not fit the schema: .*distances/,
  ],
  ['half a class', { outcomes: { predictions: packNumbers(new Array(1000).fill(0.5), 0) } }, /does not fit the schema: .*predictions/],
  ['a distance beyond the radius', { outcomes: { distances: packNumbers(new Array(1000).fill(0.04), 6) } }, /image 0 was moved by 0\.04/],
  ['too few distances', { outcomes: { distances: packNumbers([0, 0], 6) } }, /expected 1000 numbers, got 2 bytes/],
])('a packed record with %s is refused', async (_what, changes, reason) => {
  change(attack(), changes);
  const refused = (await refusals()).filter(({ file }) => file.startsWith('cells/'));
  expect(refused).toEqual([{ file: `cells/${attack().key}.json`, reason: expect.stringMatching(reason) }]);
});

test('a packed record that was changed after it was written is refused by its checksum; without one there is nothing to disagree with', async () => {
  const cell = attack();
  const file = JSON.parse(readFileSync(cellFile(cell), 'utf8'));
  writeFileSync(cellFile(cell), JSON.stringify({ ...file, wallMs: file.wallMs + 1 }));
  expect((await refusals()).map(({ reason }) => reason)).toEqual(['does not agree with its checksum: it was changed after it was written']);
  writeFileSync(cellFile(cell), seal(file, 0).replace(/,"checksum":"[0-9a-f]{64}"\}/, '}'));
  change(cell, {}, false);
  expect(await refusals()).toEqual([]);
});

test('a folder that is copied with its labels is whole', async () => {
  const copy = freshFolder();
  mkdirSync(copy, { recursive: true });
  for (const folder of ['models', 'cells', 'labels']) cpSync(join(dir, folder), join(copy, folder), { recursive: true });
  expect((await validateResults(copy)).refused).toEqual([]);
});
