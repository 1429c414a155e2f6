/** Several runs of one attack with other random numbers: their spread, their union, and the suite that makes them again. */
import { expect, test } from 'vitest';
import { type CellRecord, isInBall, type RampartRecord } from '../../../records/record.ts';
import { firstLabel } from '../../../records/slug.ts';
import { buildSite } from '../../../reports/site.ts';
import { drawsOf } from '../../../reports/view/draws.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { reproduction } from '../../../reports/view/reproduce.ts';
import type { AttackView, Board, ModelView } from '../../../reports/view/view.ts';
import { syntheticRecords } from '../synthetic.ts';

/** `pgd` three times, and `fgsm` once. */
function records(outcomes: readonly string[]): RampartRecord[] {
  return syntheticRecords({ models: 1, attacks: ['fgsm', 'pgd'], n: 4 }).flatMap((record): RampartRecord[] => {
    if (!isInBall(record) || record.attack.name !== 'pgd') return [record];
    return outcomes.map((robust, draw): CellRecord => {
      const cell = structuredClone(record);
      Object.assign(cell, { key: `${cell.key}${draw}`, accuracy: [...robust].filter((r) => r === '1').length / 4 });
      Object.assign(cell.outcomes, { robust });
      if (draw > 0) Object.assign(cell.attack, { draw, label: `pgd (draw ${draw + 1})` });
      return cell;
    });
  });
}

const THREE = records(['1110', '1100', '0111']);
const board = buildView(THREE).boards[0] as Board;
const attackOf = (label: string) => board.attacks.find((a) => a.label === label) as AttackView;

test('mean, deviation and union by hand', () => {
  expect(drawsOf(attackOf('pgd'), board)).toEqual([
    expect.objectContaining({ count: 3, n: 4, accuracies: [0.75, 0.5, 0.75], mean: expect.closeTo(2 / 3, 12), union: 0.25 }),
  ]);
  // deviations of 1/12, -1/6, 1/12: their squares sum to 1/24
  expect(drawsOf(attackOf('pgd'), board)[0]?.deviation).toBeCloseTo(Math.sqrt(1 / 48), 12);
});

test('of an attack that ran once, and of a later run, there is none', () => {
  expect(drawsOf(attackOf('fgsm'), board)).toEqual([]);
  expect(drawsOf(attackOf('pgd (draw 2)'), board)).toEqual([]);
});

test('the page of the first run shows them', async () => {
  const files = await buildSite(THREE);
  expect(String(files.get('attacks/pgd.html'))).toContain('Over its own random numbers');
  expect(String(files.get('attacks/fgsm.html'))).not.toContain('Over its own random numbers');
});

test('the suite of a model names the attack once', () => {
  const view = buildView(THREE);
  const { suite } = reproduction(view.models[0] as ModelView, view);
  expect(suite).toContain('repeat: 3');
  expect(suite).not.toContain('draw 2');
});

test('labels that only look like those of a later run stay', () => {
  expect(firstLabel('pgd (draw 2)', 1)).toBe('pgd');
  expect(firstLabel('pgd (draw 2)', undefined)).toBe('pgd (draw 2)');
  expect(firstLabel('pgd (draw 2)', 2)).toBe('pgd (draw 2)');
});
