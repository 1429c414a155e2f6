/** Unions over threats, by hand. */
import { expect, test } from 'vitest';
import { type CellRecord, isInBall, type RampartRecord } from '../../../../records/record.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { threatsOf } from '../../../../reports/view/threats/union.ts';
import type { NormName } from '../../../../tensor/norms/index.ts';
import { syntheticRecords } from '../../synthetic.ts';

interface Outcomes {
  clean: string;
  Linf: string;
  L2?: string;
  /** By corruption. */
  corrupted?: Record<string, string>;
}

const shareOf = (robust: string) => [...robust].filter((r) => r === '1').length / robust.length;

/** One model under one attack in each ball. */
function records({ clean, corrupted = {}, ...balls }: Outcomes, threats: { norm: NormName; eps: number }[]): RampartRecord[] {
  const n = clean.length;
  const all = syntheticRecords({ models: 1, attacks: ['pgd'], n, threats });
  const made = all.map((record): RampartRecord => {
    if (!isInBall(record)) return record;
    const robust = record.attack.access === 'none' ? clean : (balls[record.threat.norm as 'Linf' | 'L2'] ?? clean);
    return { ...record, accuracy: shareOf(robust), outcomes: { ...record.outcomes, robust } };
  });
  const cleanCell = made.filter(isInBall).find((c) => c.attack.access === 'none') as CellRecord;
  const more = Object.entries(corrupted).map(
    ([name, robust], i): RampartRecord => ({
      ...cleanCell,
      key: `${cleanCell.key.slice(0, 23)}${i}`,
      threat: { kind: 'corruption', name, version: 1, severity: 1 },
      attack: { ...cleanCell.attack, name: 'corruption', label: `${name} 1` },
      accuracy: shareOf(robust),
      outcomes: { ...cleanCell.outcomes, robust },
    }),
  );
  return [...made, ...more];
}

const BOTH: { norm: NormName; eps: number }[] = [
  { norm: 'Linf', eps: 8 / 255 },
  { norm: 'L2', eps: 0.5 },
];
const unionsOf = (all: RampartRecord[]) => buildView(all).boards.map(({ rows }) => rows[0]?.union);

test('the union counts images that no ball breaks, the mean is of worst cases', () => {
  const unions = unionsOf(records({ clean: '11111110', Linf: '11110000', L2: '11001100' }, BOTH));
  expect(unions).toHaveLength(2);
  for (const union of unions) {
    expect(union?.threats).toEqual(['L2 0.5', 'Linf 8/255']);
    expect(union?.balls).toMatchObject({ n: 8, accuracy: 2 / 8 });
    expect(union?.mean).toBe(0.5);
    expect(union?.all).toBeUndefined();
  }
});

test('corruptions join the mean, and the union where every one of them leaves the image right', () => {
  const corrupted = { fog: '11111100', snow: '01111111' };
  const [union] = unionsOf(records({ clean: '11111110', Linf: '11110000', L2: '11001100', corrupted }, BOTH));
  expect(union?.threats).toEqual(['L2 0.5', 'Linf 8/255', 'corruptions']);
  expect(union?.balls?.accuracy).toBe(2 / 8);
  expect(union?.all).toMatchObject({ n: 8, accuracy: 1 / 8 });
  expect(union?.mean).toBeCloseTo((0.5 + 0.5 + (6 / 8 + 7 / 8) / 2) / 3, 12);
});

test('one threat alone is no union; with corruptions it is one of two', () => {
  const one = BOTH.slice(0, 1);
  expect(unionsOf(records({ clean: '1111', Linf: '1100' }, one))).toEqual([undefined]);
  const [union] = unionsOf(records({ clean: '1111', Linf: '1100', corrupted: { fog: '0111' } }, one));
  expect(union).toMatchObject({ balls: undefined, all: { accuracy: 1 / 4 }, mean: (0.5 + 0.75) / 2 });
});

test('of a curve the radius that models train at is taken, and the largest where none says', () => {
  const curve: { norm: NormName; eps: number }[] = [...BOTH, { norm: 'Linf', eps: 16 / 255 }, { norm: 'L2', eps: 1 }];
  const { boards } = buildView(syntheticRecords({ models: 2, attacks: ['pgd'], n: 8, threats: curve }));
  expect(threatsOf(boards).map(({ threat }) => threat)).toEqual([
    { norm: 'L2', eps: 1 },
    { norm: 'Linf', eps: 8 / 255 },
  ]);
});
