/** What a board says of how parameters were found, of other numbers of attacks, and of what is no bound. */
import { expect, test } from 'vitest';
import type { ModelRecord, RampartRecord } from '../../../../records/record.ts';
import { buildSite } from '../../../../reports/site.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { defenseTable } from '../../../../reports/view/seeds/tables.ts';
import { attacksNote, type Board, usualAttacks } from '../../../../reports/view/view.ts';
import { syntheticRecords } from '../../synthetic.ts';

const page = async (records: readonly RampartRecord[], path = 'index.html') => String((await buildSite(records)).get(path) ?? '');
const boardOf = (records: readonly RampartRecord[]) => buildView(records).boards[0] as Board;

/** Records in which every `trades` was tuned. */
function tuned(seeds: number): RampartRecord[] {
  const passes = { forward: 30, backward: 20 };
  const trial = (beta: number, pgd: number) => ({
    key: `${beta}`,
    params: { beta, steps: 10 },
    epochs: 2,
    passes,
    wallMs: 1500,
    validation: { clean: 0.5, pgd },
  });
  const tuning: ModelRecord['tuning'] = { budget: 100, chosen: 1, trials: [trial(1, 0.2), trial(6, 0.3)] };
  return syntheticRecords({ models: 6 * seeds, seeds, n: 60 }).map((r) =>
    r.kind === 'model' && r.defense.name === 'trades' ? { ...r, tuning } : r,
  );
}

test('the board says tuned or published, and nothing where nothing was tuned', async () => {
  const column = ({ columns, rows }: ReturnType<typeof defenseTable>) =>
    rows.map((row) => row[columns.findIndex((c) => c.key === 'tuning')]);
  const board = boardOf(tuned(2));
  expect(column(defenseTable(board))).toEqual(board.defenses.map(({ name }) => (name === 'trades' ? 'tuned, best of 2' : 'published')));
  expect(await page(tuned(1))).toContain('tuned, best of 2');
  expect(await page(syntheticRecords({ models: 6, n: 60 }))).not.toMatch(/tuned, best|>published/);
});

test('the page of a tuned model has every trial, by what they differ in', async () => {
  const text = await page(tuned(1), 'models/trades.html');
  for (const part of ['with 100 passes per training image together', 'beta&#x3D;1<', 'beta&#x3D;6<', '>30.0<', '>20.0<'])
    expect(text).toContain(part);
  expect(text).not.toContain('beta&#x3D;1, steps');
  expect(await page(tuned(1), 'models/pgd-at.html')).not.toContain('How its parameters were chosen');
});

test('a tuned defense and the same parameters as given are two, though their seeds are alike', () => {
  const records = tuned(2);
  const twin = records.flatMap((r): RampartRecord[] => {
    if (r.kind === 'model' && r.tuning) {
      const { tuning: _, ...rest } = r;
      return [{ ...rest, key: `${r.key}0`, name: `${r.name} given` }];
    }
    return r.kind === 'cell' && r.model.name.startsWith('trades')
      ? [{ ...r, key: `${r.key}0`, model: { ...r.model, key: `${r.model.key}0` } }]
      : [];
  });
  const { defenses } = boardOf([...records, ...twin]);
  expect(defenses.filter(({ name }) => name.startsWith('trades')).map(({ rows }) => rows.length)).toEqual([2, 2]);
});

test('a model that was put to fewer attacks than most says so beside its worst case, and the page how many there are', async () => {
  const all = syntheticRecords({ models: 5, n: 60, attacks: ['fgsm', 'pgd', 'transfer'] });
  const records = all.filter((r) => r.kind === 'model' || !(r.model.name === 'trades' && r.attack.label === 'transfer'));
  const board = boardOf(records);
  expect(usualAttacks(board)).toBe(3);
  expect(
    board.rows.flatMap(({ model, worst }) => (worst && attacksNote(worst, board) ? [[model.name, attacksNote(worst, board)]] : [])),
  ).toEqual([['trades', 'over 2 attacks']]);
  expect(await page(records)).toContain('1 worst case is over 2 attacks where most are over 3');
  expect(await page(all)).not.toMatch(/over \d attacks where/);
});

test('what is below a worst case is drawn dotted: two marks, of which one is no bound', async () => {
  const svg = String((await buildSite(syntheticRecords({ models: 4, n: 60 }))).get('charts/cifar10-linf-8-255-cost.svg') ?? '');
  expect(svg.match(/<line[^>]*class="below"/g)).toHaveLength(4);
  expect(svg).toContain('stroke-dasharray');
});
