/** A suite with corruptions: which cells it plans, what their records say, and that they are reused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPhotographs } from '../../../corruptions/frost.ts';
import { corruption } from '../../../corruptions/index.ts';
import { heldSplit } from '../../../datasets/split.ts';
import { corrupted } from '../../../harness/evaluate/corrupted.ts';
import { readOrder } from '../../../harness/run/queue/protocol.ts';
import { validateResults } from '../../../records/check-folder.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { type CorruptedRecord, isCorrupted, type RampartRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { Rng } from '../../../tensor/rng.ts';
import { writePhotographs } from '../../corruptions/photographs.ts';
import { refusal } from '../suites.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const CORRUPTED = {
  ...TINY,
  attacks: 'attacks: [fgsm]',
  threats: 'threats: [{ norm: Linf, eps: 8/255 }, { kind: corruptions, names: [fog, gaussian_noise], severities: [1, 5] }]',
};

let dir: string;
let ice: string;
let records: readonly RampartRecord[];
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rampart-corruptions-'));
  ice = mkdtempSync(join(tmpdir(), 'rampart-frost-'));
  writePhotographs(ice);
  const { run } = await inProcess(new FolderStore(dir), CORRUPTED);
  records = (await run()).records;
}, 120_000);
afterAll(() => {
  for (const made of [dir, ice]) rmSync(made, { recursive: true, force: true });
});

const cells = () => records.filter((r) => r.kind === 'cell').filter(isCorrupted);

test('every corruption at every severity is a cell of its own, of all test images', () => {
  expect(cells().map(({ attack, threat, n, accuracy, status }) => [attack.label, threat, status, n, accuracy * n])).toEqual(
    ['fog 1', 'fog 5', 'gaussian_noise 1', 'gaussian_noise 5'].map((label) => {
      const [name, severity] = label.split(' ');
      const { outcomes } = cells().find(({ attack }) => attack.label === label) as CorruptedRecord;
      const right = outcomes.predictions.filter((p, i) => p === outcomes.labels[i]).length;
      return [label, { kind: 'corruption', name, version: 1, severity: Number(severity) }, 'done', 12, right];
    }),
  );
  expect(cells().every(({ passes }) => passes.forward === 12 && passes.backward === 0)).toBe(true);
});

test('a folder with them is checked like any other, and a second run does nothing', async () => {
  expect(await validateResults(dir)).toMatchObject({ cells: 6, refused: [{ file: 'run.json' }] });
  const { run, performed } = await inProcess(new FolderStore(dir), CORRUPTED);
  await run();
  expect(performed).toEqual([]);
});

test('frost has photographs that the user brings, which the run keeps for itself', async () => {
  const frozen = {
    ...CORRUPTED,
    threats: `threats: [{ norm: Linf, eps: 8/255 }, { kind: corruptions, frost: ${ice}, names: [frost], severities: [2] }]`,
  };
  const { run } = await inProcess(new FolderStore(dir), frozen);
  const cell = (await run()).records.find((r) => r.kind === 'cell' && isCorrupted(r)) as CorruptedRecord;
  expect([cell.status, cell.attack.label, cell.attack.title]).toEqual(['done', 'frost 2', 'Frost']);
  const kept = await new FolderStore(dir).artifact(cell.threat.photographs as string);
  expect(Buffer.from(kept ?? []).equals(readPhotographs(ice))).toBe(true);
  // photographs are not passed on: a folder that is shared has the weights of its models and no other artifact
  const { cells, refused } = await validateResults(dir);
  expect([cells, refused.map(({ file }) => file)]).toEqual([7, [`artifacts/${cell.threat.photographs}`, 'run.json']]);
});

test('the site shows them beside the attacks and on the page of the model', async () => {
  const row = buildView(records).boards[0]?.rows[0];
  expect(buildView(records).boards).toHaveLength(1);
  expect(row?.corruptions?.rows.map(({ name, cells }) => [name, cells.length])).toEqual([
    ['fog', 2],
    ['gaussian_noise', 2],
  ]);
  const site = await buildSite(records);
  expect(String(site.get('index.html'))).toContain('Corrupted');
  expect(String(site.get('models/standard.html'))).toContain('Gaussian noise');
  expect(String(site.get('models/standard/suite.yml'))).toMatch(/kind: corruptions\n +names:\n +- fog\n +- gaussian_noise/);
});

test('other cells have the keys that they have without corruptions', async () => {
  const keys = async (changes: Record<string, string>) => {
    const { plan } = await planFor(changes);
    return plan.cells
      .filter(({ threat }) => threat.kind !== 'corruption')
      .map(
        (cell) =>
          cell.job(
            () => 'w',
            (id) => id,
          ).key,
      );
  };
  expect(await keys(CORRUPTED)).toEqual(await keys({ ...CORRUPTED, threats: 'threats: [{ norm: Linf, eps: 8/255 }]' }));
});

test('an image is corrupted the same whichever others are read with it, by its index in the test split', async () => {
  const images = Uint8Array.from({ length: 3 * 3072 }, (_, i) => i % 251);
  const data = {
    ...heldSplit({ images, labels: Int32Array.of(0, 1, 2) }),
    shape: [32, 32, 3] as [number, number, number],
    indices: [4, 7, 9],
  };
  const threat = { kind: 'corruption', name: 'gaussian_noise', version: 1, severity: 3 } as const;
  const made = corrupted(data, threat, new Rng('cell'));
  const all = (await made.read([0, 1, 2])) as Uint8Array;
  expect(await made.read([2])).toEqual(all.slice(2 * 3072));
  const own = corruption('gaussian_noise').apply(images.subarray(2 * 3072), 3, new Rng('cell').fork('corruption').fork(9));
  expect(all.slice(2 * 3072)).toEqual(own);
  expect(() => corrupted(data, { ...threat, version: 2 }, new Rng('cell'))).toThrow('expected version 2, got 1');
  expect(() => corrupted({ ...data, shape: [28, 28, 1] }, threat, new Rng('cell'))).toThrow('expected images of 32x32x3, got 28x28x1');
});

test('a queue takes the job of a corruption, and none of another severity', async () => {
  const { plan } = await planFor(CORRUPTED);
  const planned = plan.cells.find(({ threat }) => threat.kind === 'corruption');
  const job = planned?.job(
    () => 'a'.repeat(64),
    () => 'b'.repeat(24),
  );
  const orderOf = (severity: number) => {
    const changed = JSON.parse(JSON.stringify({ ...job, threat: { ...job?.threat, severity } }), (key, value) =>
      key === 'hash' ? 'c'.repeat(64) : value,
    );
    return readOrder({ settings: { plugins: [], keepExamples: 0 }, job: changed, batchSize: 4 });
  };
  expect(orderOf(5)).toMatchObject({ order: { job: { threat: { kind: 'corruption', name: 'fog', severity: 5 } } } });
  expect(orderOf(6)).toHaveProperty('wrong');
});

test('a suite is told what is wrong with its corruptions', async () => {
  const of = (threats: string, more = {}) => refusal({ threats: `threats: ${threats}`, ...more });
  expect(await of('[{ kind: corruptions }]')).toContain('expected a ball first');
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions }, { kind: corruptions }]')).toContain('expected corruptions once');
  expect(await of('[{ kind: corruptions }, { norm: Linf, eps: 0.1 }]')).toContain('expected corruptions once, after all balls');
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions, names: [fgo] }]')).toContain('fog');
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions, severities: [6] }]')).toContain('severities');
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions, names: [frost] }]')).toContain('frost is made of photographs');
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions, frost: nowhere }]')).toContain('frost1.png');
  const mnist = { datasets: 'datasets: [{ name: mnist, train: 300, test: 40 }]' };
  expect(await of('[{ norm: Linf, eps: 0.1 }, { kind: corruptions }]', mnist)).toContain('corruptions are of images of 32x32x3');
});
