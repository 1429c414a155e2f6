/** Outcomes as files: every line and every column of the arrays is one test image, whatever each attack saw. */
import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import type { RampartRecord } from '../../../records/record.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { outcomeArrays, outcomeTable } from '../../../reports/view/outcomes.ts';
import type { Board } from '../../../reports/view/view.ts';
import { syntheticRecords } from '../synthetic.ts';

/** One model: clean on the images 5, 6, 7 and 9, PGD on 9 and 6 in that order. */
function board(): Board {
  const seen: Record<string, { indices: number[]; robust: string }> = {
    clean: { indices: [5, 6, 7, 9], robust: '1101' },
    pgd: { indices: [9, 6], robust: '01' },
  };
  const records = syntheticRecords({ models: 1, attacks: ['pgd'], n: 1 }).map((record): RampartRecord => {
    if (record.kind === 'model') return record;
    const { indices, robust } = seen[record.attack.label] as (typeof seen)[string];
    const n = indices.length;
    const labels = indices.map((image) => image % 4);
    return { ...record, n, indices, outcomes: { robust, labels, predictions: labels, distances: labels.map(() => 0) } };
  });
  return buildView(records).boards[0] as Board;
}

it('the table has the index of the image, and nothing where an attack did not see it', () => {
  expect(outcomeTable(board()).rows.map((row) => row.slice(2))).toEqual([
    [5, 1, 1, null],
    [6, 2, 1, 1],
    [7, 3, 0, null],
    [9, 1, 1, 0],
  ]);
});

it('the arrays have the same, with -1 for no result', () => {
  const files = unzipSync(outcomeArrays(board()));
  // an array's bytes follow its header, whose length stands at byte 8
  const body = (name: string) => {
    const bytes = files[`${name}.npy`] as Uint8Array;
    return bytes.slice(10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true));
  };
  expect([...new Int8Array(body('robust').buffer)]).toEqual([1, 1, 0, 1, -1, 1, -1, 0]);
  expect([...new Int32Array(body('images').buffer)]).toEqual([5, 6, 7, 9]);
  expect([...new Int32Array(body('labels').buffer)]).toEqual([1, 2, 3, 1]);
});
