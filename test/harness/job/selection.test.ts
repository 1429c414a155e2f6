import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import { type CellRecord, isInBall } from '../../../records/record.ts';
import { freshFolder } from '../folders.ts';
import { inProcess } from '../run/in-process.ts';
import { REAL } from '../run/real-plans.ts';

/** The record of PGD from a random start, on those images. */
async function pgdOn(test: string, n = ''): Promise<CellRecord> {
  const { run } = await inProcess(new FolderStore(freshFolder()), {
    ...REAL,
    datasets: `datasets: [{ name: shapes, train: 40, test: ${test} }]`,
    attacks: `attacks: [{ name: pgd, steps: 2${n && `, n: ${n}`} }]`,
    threats: 'threats: [{ norm: Linf, eps: 16/255 }]',
    defenses: 'defenses: []',
  });
  const { records } = await run();
  const record = records.find((r) => r.kind === 'cell' && r.attack.name === 'pgd');
  if (!record || !isInBall(record)) throw new Error('no record');
  return record;
}

test('an image is attacked with the same draws whatever the selection, and has the same key under two names of it', async () => {
  const whole = await pgdOn('8');
  const range = await pgdOn('{ from: 2, count: 3 }');
  const part = await pgdOn('8', '{ from: 2, count: 3 }');
  expect(whole.indices).toBeUndefined();
  expect([range.n, range.indices]).toEqual([3, [2, 3, 4]]);
  expect(range.outcomes.labels).toEqual([2, 3, 4]);
  expect(range.outcomes.distances).toEqual(whole.outcomes.distances.slice(2, 5));
  expect(range.outcomes.predictions).toEqual(whole.outcomes.predictions.slice(2, 5));
  expect(range.outcomes.distances.some((d) => d > 0)).toBe(true);
  expect(part.key).toBe(range.key);
  expect(part.outcomes).toEqual(range.outcomes);
  expect(part.key).not.toBe(whole.key);
});
