/** How near attacks came to the best, by hand, and where the pages show it. */
import { expect, test } from 'vitest';
import { type CellRecord, isInBall, type RampartRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { accuracyCurve, foundBy, globalOptimality, localOptimality, nearestOn } from '../../../reports/view/optimality.ts';
import type { AttackView, Board } from '../../../reports/view/view.ts';
import { syntheticRecords } from '../synthetic.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Two models, whose first image is wrong; `pgd` and `square` with the nearest errors of the others. */
function records(nearest: Record<'pgd' | 'square', (number | undefined)[]>): RampartRecord[] {
  const all = syntheticRecords({ models: 2, attacks: ['fgsm', 'pgd', 'square'], n: 4 });
  return all.map((record) => {
    if (!isInBall(record)) return record;
    const cell = structuredClone(record);
    const own = nearest[cell.attack.label as 'pgd' | 'square'];
    const robust = own ? own.map((d) => (d !== undefined && d <= cell.threat.eps ? '0' : '1')).join('') : '0111';
    Object.assign(cell.outcomes, {
      robust,
      distances: (own ?? [0, 0, 0, 0]).map((d) => (d !== undefined && d <= cell.threat.eps ? d : 0)),
    });
    if (own)
      Object.assign(cell.outcomes, {
        nearest: { found: own.map((d) => (d === undefined ? '0' : '1')).join(''), distances: own.map((d) => d ?? 0) },
      });
    return cell;
  });
}

const GIVEN = { pgd: [0, 0.1, 0.2, undefined], square: [0, 0.2, 0.1, 0.4] };
const boardOf = (all: RampartRecord[]) => buildView(all).boards[0] as Board;
const attackOf = (board: Board, label: string) => board.attacks.find((a) => a.label === label) as AttackView;

test('the area between curves, by hand', () => {
  // the best are 0, 0.1, 0.1, 0.4: area 0.15 of 0.3 at most, up to 0.4; the attack has 0.7 / 4 = 0.175
  expect(localOptimality([0, 0.1, 0.2, NEVER], [0, 0.1, 0.1, 0.4])).toBeCloseTo(1 - 0.025 / 0.15, 12);
  expect(localOptimality([0, 0.1, 0.1, 0.4], [0, 0.1, 0.1, 0.4])).toBe(1);
  expect(localOptimality([0, NEVER, NEVER, NEVER], [0, 0.1, 0.1, 0.4])).toBeCloseTo(0, 12);
  // an image that no attack broke is the same for all of them
  expect(localOptimality([0.1, 0.2, NEVER], [0.05, 0.2, NEVER])).toBeCloseTo(1 - 0.05 / 0.15, 12);
  expect(localOptimality([NEVER], [NEVER])).toBeUndefined();
});

test('a curve starts at the clean accuracy and falls at every distance', () => {
  expect(accuracyCurve([0, 0.1, 0.2, 0.1, NEVER])).toEqual([
    [0, 0.8],
    [0.1, 0.4],
    [0.2, 0.2],
  ]);
  expect(accuracyCurve([])).toEqual([]);
});

test('an attack is measured on the images that all attacks saw whose distances are known', () => {
  const board = boardOf(records(GIVEN));
  const [row] = board.rows;
  if (!row) throw new Error('no row');
  const found = foundBy(attackOf(board, 'pgd'), row);
  expect(found).toMatchObject({ images: 4, found: 2, median: 0.2 });
  expect(found?.local).toBeCloseTo(1 - 0.025 / 0.15, 12);
  expect(globalOptimality(attackOf(board, 'pgd'), board)).toBeCloseTo(1 - 0.025 / 0.15, 12);
  expect(foundBy(attackOf(board, 'fgsm'), row)).toBeUndefined();
  expect(globalOptimality(attackOf(board, 'fgsm'), board)).toBeUndefined();
});

test('of an attack that no radius bounds its distances are those of its points', () => {
  const cell = records(GIVEN).find((r) => r.kind === 'cell' && r.attack.label === 'pgd') as CellRecord;
  const unbounded = structuredClone(cell);
  Object.assign(unbounded.attack, { bounded: false });
  Object.assign(unbounded.outcomes, { nearest: undefined, robust: '0010', distances: [0, 0.3, 0, 0.5] });
  expect(nearestOn([0, 1, 2, 3], unbounded)).toEqual([0, 0.3, NEVER, 0.5]);
});

test('the page of an attack has its optimality and its curve, and none where distances are not known', async () => {
  const files = await buildSite(records(GIVEN));
  const page = String(files.get('attacks/pgd.html'));
  expect(page).toContain('Global optimality: 83.3 %');
  expect(page).toContain('Whatever the radius');
  expect(page).toContain('-distances-pgd');
  expect(String(files.get('attacks/fgsm.html'))).not.toContain('Whatever the radius');
});
