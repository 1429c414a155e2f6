/** Accuracy on corrupted images and mCE, by hand. */
import { expect, test } from 'vitest';
import { type CellRecord, isInBall, type RampartRecord } from '../../../../records/record.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { syntheticRecords } from '../../synthetic.ts';

/** Accuracies by model, corruption and severity. */
function records(accuracies: readonly Record<string, readonly number[]>[]): RampartRecord[] {
  const all = syntheticRecords({ models: accuracies.length, attacks: ['fgsm'], n: 10 });
  const models = all.filter((r) => r.kind === 'model');
  const corrupted = models.flatMap((model, m) => {
    const clean = all.filter(isInBall).find((c) => c.model.key === model.key && c.attack.access === 'none') as CellRecord;
    return Object.entries(accuracies[m] ?? {}).flatMap(([name, list]) =>
      list.map((accuracy, i): RampartRecord => {
        const threat = { kind: 'corruption', name, version: 1, severity: i + 1 } as const;
        const label = `${name} ${i + 1}`;
        const key = `${model.key.slice(0, 20)}${m}${name.slice(0, 2)}${i}`;
        return { ...structuredClone(clean), key, accuracy, threat, attack: { ...clean.attack, name: 'corruption', label, title: name } };
      }),
    );
  });
  return [...all, ...corrupted];
}

const rowsOf = (all: RampartRecord[]) => buildView(all).boards.flatMap(({ rows }) => rows);

test('accuracy is the mean over corruptions of the means over severities, mCE that of ratios of errors', () => {
  const rows = rowsOf(
    records([
      { fog: [0.8, 0.4], snow: [0.6, 0.6] },
      { fog: [0.9, 0.7], snow: [0.8, 0.8] },
    ]),
  );
  const baseline = rows.find(({ model }) => model.record.defense.role === 'baseline');
  const other = rows.find((row) => row !== baseline);
  expect(baseline?.corruptions?.accuracy).toBeCloseTo((0.6 + 0.6) / 2, 12);
  expect(baseline?.corruptions?.relative?.mce).toBeCloseTo(1, 12);
  expect(other?.corruptions?.accuracy).toBeCloseTo((0.8 + 0.8) / 2, 12);
  // errors of 0.4 against 0.8, and of 0.4 against 0.8
  expect(other?.corruptions?.rows.map(({ error }) => error)).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.5, 12)]);
  expect(other?.corruptions?.relative).toMatchObject({ mce: expect.closeTo(0.5, 12), baseline: baseline?.model });
});

test('there is no mCE where the baseline was shown something else, or makes no error', () => {
  const mceOf = (own: Record<string, number[]>, base: Record<string, number[]>) =>
    rowsOf(records([base, own])).map((r) => r.corruptions?.relative?.mce);
  expect(mceOf({ fog: [0.5, 0.5] }, { fog: [0.5] })).toEqual(expect.arrayContaining([undefined, 1]));
  expect(mceOf({ fog: [0.5] }, { fog: [1] })).toEqual([undefined, undefined]);
});

test('corrupted images are in no worst case and on no board of their own', () => {
  const all = records([{ fog: [0] }, { fog: [0] }]);
  const without = all.filter((r) => r.kind === 'model' || isInBall(r));
  const worst = (rs: RampartRecord[]) => rowsOf(rs).map(({ model, worst, rank }) => [model.name, worst?.accuracy, rank]);
  expect(buildView(all).boards).toHaveLength(1);
  expect(worst(all)).toEqual(worst(without));
});
