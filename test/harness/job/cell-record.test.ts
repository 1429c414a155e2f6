/** The record of an evaluation whose outcome is given: shares, roundings, and what is left out where there is none. */
import { expect, test } from 'vitest';
import type { Stopwatch } from '../../../harness/awake.ts';
import { cellRecord, type Outcome } from '../../../harness/job/cell-record.ts';
import type { CellJob } from '../../../harness/job/job.ts';
import { cellRecordSchema } from '../../../records/record.ts';
import { wilson } from '../../../records/stats.ts';
import { somewhere } from '../records.ts';
import { planFor } from '../run/plans.ts';
import { pixels } from '../toy.ts';

const { plan, registry } = await planFor({ datasets: 'datasets: [{ name: shapes, train: 300, test: 4 }]' });
const jobOf = (label: string) =>
  plan.cells
    .find((c) => c.label === label)
    ?.job(
      () => 'weights',
      () => 'key',
    ) as CellJob;
// labels 1, 0, 1, 0
const data = pixels(200, 20, 210, 30);

const outcome: Outcome = {
  robust: '1011',
  predictions: [1, 1, 1, 0],
  distances: [0.1, 0.2, 0, 0.3],
  passes: { forward: 12, backward: 8 },
  batchSize: 2,
};
const recorded = (found: Partial<Outcome>, of = data, watch: Stopwatch = { ms: 1000, suspendedMs: 0 }) =>
  cellRecordSchema.parse(cellRecord(jobOf('pgd'), registry, of, { ...outcome, ...found }, watch, somewhere));

test('the accuracy is the share of robust images, with its interval', () => {
  const record = recorded({});
  expect(record).toMatchObject({ status: 'done', n: 4, accuracy: 0.75, interval: wilson(3, 4), passes: outcome.passes, batchSize: 2 });
  expect(record.outcomes).toEqual({ robust: '1011', labels: [1, 0, 1, 0], predictions: [1, 1, 1, 0], distances: [0.1, 0.2, 0, 0.3] });
  expect(record.provenance).toEqual(somewhere);
  expect([recorded({ robust: '0000' }).accuracy, recorded({ robust: '1111' }).accuracy]).toEqual([0, 1]);
});

test('of no images it is 0', () => {
  expect(recorded({ robust: '', predictions: [], distances: [] }, pixels())).toMatchObject({ accuracy: 0, interval: wilson(0, 0) });
});

test('where nothing moved the distances are zeros, and confidences have four digits', () => {
  const { outcomes } = recorded({ distances: undefined, confidences: [0.123_449, 0.123_451, 1, 0.5] });
  expect(outcomes.distances).toEqual([0, 0, 0, 0]);
  expect(outcomes.confidences).toEqual([0.1234, 0.1235, 1, 0.5]);
});

test('the time is that since it began, to a tenth of a millisecond, and the rate that of all images', () => {
  const record = recorded({}, data, { ms: 2000.16, suspendedMs: 0 });
  expect(record).toMatchObject({ wallMs: 2000.2, imagesPerSecond: 2 });
  expect(record).not.toHaveProperty('suspendedMs');
});

test('the time of processes that were ended before counts, and that of standstills stands beside it', () => {
  const earlier = { wallMs: 5000.04, suspendedMs: 200 };
  expect(recorded({ earlier }, data, { ms: 3000, suspendedMs: 60_000.26 })).toMatchObject({
    wallMs: 8000,
    suspendedMs: 60_200.3,
    imagesPerSecond: 0.5,
  });
});

test('what an evaluation did not find is not in its record', () => {
  for (const name of ['overhead', 'members', 'survivors', 'checks']) expect(recorded({})).not.toHaveProperty(name);
  expect(recorded({}).outcomes).not.toHaveProperty('confidences');
});

test('what it found is there as it was, the flags of the model before those of the attack', () => {
  const overhead = { forward: 3, backward: 2 };
  const members = [{ attack: 'pgd', entered: 4, left: 3, passes: outcome.passes, overhead, wallMs: 5 }];
  const flags = (name: string) => [{ name, detail: `of ${name}` }];
  const checks = { images: 4, passes: { forward: 40, backward: 4 }, randomized: true, flags: flags('unverified-import') };
  const survivors: [number, number][] = [[1, 3]];
  const record = recorded({ overhead, members, survivors, checks, flags: flags('randomized') });
  expect(record).toMatchObject({ overhead, members, survivors, checks: { images: 4, passes: checks.passes, randomized: true } });
  expect(record.checks).not.toHaveProperty('flags');
  expect(record.flags.map((f) => f.name)).toEqual(['unverified-import', 'randomized']);
  expect(recorded({}).flags).toEqual([]);
});
