import { expect, test } from 'vitest';
import type { Job } from '../../../harness/job/job.ts';
import { JobError } from '../../../harness/run/executor.ts';
import type { Store } from '../../../records/store.ts';
import { elsewhere, setting } from './scheduling.ts';

/** Fits `most` images into memory. */
const fits =
  (most: number, tried: number[] = []) =>
  (_store: Store, _job: Job, batchSize: number) => {
    tried.push(batchSize);
    if (batchSize > most) throw new JobError({ kind: 'memory', message: 'the worker ran out of memory' }, { provenance: elsewhere });
  };

test('a cell that runs out of memory goes on with half the images a pass, and the next cell of that network begins there', async () => {
  const fgsm: number[] = [];
  const pgd: number[] = [];
  const { run, notes } = await setting(1, { 'fgsm on trades': fits(3, fgsm), 'pgd on trades': fits(3, pgd) });
  const finished = await run();
  expect(finished.every((f) => f.state === 'done')).toBe(true);
  expect([pgd, fgsm]).toEqual([[8, 4, 2], [2]]);
  expect(notes).toEqual([
    '8 images a pass were too many for the memory: pgd on trades goes on with 4',
    '4 images a pass were too many for the memory: pgd on trades goes on with 2',
  ]);
});

test('a cell that does not fit with one image, and a training that does not fit, fail for want of memory', async () => {
  const model: number[] = [];
  const cell: number[] = [];
  const { run } = await setting(1, { trades: fits(0, model), 'pgd on standard': fits(0, cell) });
  const failed = (await run()).filter((f) => f.state === 'failed');
  expect([model, cell]).toEqual([[8], [8, 4, 2, 1]]);
  expect(failed.map((f) => f.record.error?.kind)).toEqual(['memory', 'memory', 'dependency', 'dependency', 'dependency']);
});
