/** The best and the final epoch of one training: which models are that, and the difference between them. */
import { expect, test } from 'vitest';
import type { ModelRecord, RampartRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { boardColumns } from '../../../reports/view/board-table.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import type { Board } from '../../../reports/view/view.ts';
import { syntheticRecords } from '../synthetic.ts';

const keyOf = (name: string) => name.replaceAll(/\W/g, '-');

/** `trades` and `trades (last)`, and a wrapper around each where asked for, with these outcomes under clean, pgd and square. */
function records(
  outcomes: Record<string, [clean: string, pgd: string, square: string]>,
  change: Partial<ModelRecord> = {},
): RampartRecord[] {
  const template = syntheticRecords({ models: 1, attacks: ['pgd', 'square'], n: 1 });
  return Object.entries(outcomes).flatMap(([name, robust]) => {
    const model = structuredClone(template[0] as ModelRecord);
    Object.assign(model, { key: keyOf(name), name, recipe: { ...model.recipe, keep: name.includes('(last)') ? 'last' : 'best' } });
    if (name.startsWith('jpeg'))
      Object.assign(model, { wraps: keyOf(name.replace('jpeg on ', '')), defense: { ...model.defense, name: 'jpeg', kind: 'wrapper' } });
    if (name.includes('(last)')) Object.assign(model, change);
    const cells = template.slice(1).map((cell, i) => {
      if (cell.kind !== 'cell') throw new Error('no cell');
      const own = robust[i] as string;
      const labels = [...own].map(() => 0);
      return {
        ...cell,
        key: keyOf(`${name} ${cell.attack.label}`),
        model: { ...cell.model, key: keyOf(name), name },
        n: own.length,
        outcomes: { robust: own, labels, predictions: labels, distances: labels },
      };
    });
    return [model, ...cells];
  });
}

const boardOf = (all: RampartRecord[]) => buildView(all).boards[0] as Board;
const PAIR = { trades: ['111111', '111100', '111110'], 'trades (last)': ['111110', '110000', '001100'] } as Parameters<typeof records>[0];

test('is the difference on the same images, in both rows, with its interval and for every attack', () => {
  const board = boardOf(records(PAIR));
  const [trades, last] = board.rows;
  expect([trades?.model.name, last?.model.name]).toEqual(['trades', 'trades (last)']);
  // worst cases 111100 and 000000; (5/8 - 1/8) +- 1.96 sqrt((5/8 + 1/8 - 1/4) / 8)
  const worst = { n: 6, best: 4 / 6, last: 0, onlyBest: 4, onlyLast: 0, value: 4 / 6, p: 0.125 };
  expect(trades?.overfitting?.worst).toMatchObject(worst);
  expect(trades?.overfitting?.worst?.interval).toEqual([expect.closeTo(0.01001, 4), expect.closeTo(0.98999, 4)]);
  expect(last?.overfitting).toEqual(trades?.overfitting);
  expect(trades?.overfitting?.byAttack.map(({ attack, difference: d }) => [attack.label, d.onlyBest, d.onlyLast])).toEqual([
    ['clean', 1, 0],
    ['square', 3, 0],
    ['pgd', 2, 0],
  ]);
  const column = boardColumns(board, true).find((c) => c.key === 'overfitting');
  expect(column?.shown).toBe(true);
  expect([column?.value(trades as Board['rows'][number]), column?.note?.(trades as Board['rows'][number], board)]).toEqual([
    4 / 6,
    '1.0 to 99.0',
  ]);
});

test('counts an attack that only one of them was put to for neither', () => {
  const all = records(PAIR).filter((r) => r.key !== keyOf('trades square'));
  const row = boardOf(all).rows.find((r) => r.model.name === 'trades');
  expect(row?.overfitting?.worst).toMatchObject({ onlyBest: 2, onlyLast: 0, best: 4 / 6, last: 2 / 6 });
});

test.each<[string, Partial<ModelRecord>]>([
  ['another seed', { seed: 1 }],
  ['another recipe', { recipe: { epochs: 13, keep: 'last' } }],
  ['the same epoch', { recipe: (records(PAIR)[0] as ModelRecord).recipe }],
])('is not of %s', (_what, change) => {
  expect(boardOf(records(PAIR, change)).rows.map((r) => r.overfitting)).toEqual([undefined, undefined]);
});

test('a wrapper around the one stands beside the same around the other', () => {
  const six = ['111111', '111111', '110000'] as [string, string, string];
  const board = boardOf(records({ ...PAIR, 'jpeg on trades': six, 'jpeg on trades (last)': six }));
  const pairs = board.rows.map((r) => [r.overfitting?.best.name, r.overfitting?.last.name]);
  expect(new Set(pairs.map((p) => p.join()))).toEqual(new Set(['trades,trades (last)', 'jpeg on trades,jpeg on trades (last)']));
});

test('the page of the model has the table, and every file of the board its columns', async () => {
  const files = await buildSite(records(PAIR));
  const page = files.get('models/trades.html') as string;
  expect(page).toContain('Robust overfitting: trades against trades (last)');
  expect(page).toContain('id="overfitting"');
  const csv = (path: string) => (files.get(path) as string).split('\n').map((line) => line.split(','));
  const table = csv(files.paths().find((p) => /models\/trades\/overfitting-.*\.csv$/.test(p)) as string);
  expect(table.at(-2)?.slice(0, 4)).toEqual(['worst case', '0.6666666666666666', '0', '0.6666666666666666']);
  const [head, first] = csv('leaderboard.csv') as [string[], string[]];
  expect(first[head.indexOf('overfitting')]).toBe('0.6666666666666666');
  const json = JSON.parse(files.get('leaderboard.json') as string);
  expect(json.rows[0].overfitting_low).toBeCloseTo(0.01001, 4);
  const without = buildView(syntheticRecords({ models: 2 })).boards[0] as Board;
  expect(boardColumns(without, true).find((c) => c.key === 'overfitting')?.shown).toBe(false);
});
