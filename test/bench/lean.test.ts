import { expect, test } from 'vitest';
import { leanRows, leanTable, verdictOf } from '../../bench/lean.ts';
import type { CellRecord, RampartRecord } from '../../records/record.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

/** A model's cells under both, with these outcomes and passes. */
function cells(model: string, standard: string, lean: string, more: Partial<CellRecord> = {}): RampartRecord[] {
  const [template] = syntheticRecords({ models: 1, attacks: ['pgd'], n: 4 }).filter((r) => r.kind === 'cell' && r.attack.name === 'pgd');
  const cell = (name: string, robust: string, forward: number): CellRecord => ({
    ...(template as CellRecord),
    key: `${model}-${name}`,
    model: { key: model, name: model, weightsHash: '' },
    attack: { ...(template as CellRecord).attack, name, params: name === 'autoattack' ? { version: 'standard' } : {} },
    n: robust.length,
    accuracy: [...robust].filter((r) => r === '1').length / robust.length,
    outcomes: { robust, labels: [], predictions: [], distances: [] },
    passes: { forward, backward: forward },
    flags: [],
  });
  return [cell('autoattack', standard, 1000), { ...cell('autoattack-lean', lean, 150), ...more }];
}

test('a row for every model that both attacked on the same images', () => {
  const [standard] = cells('alone', '1111', '1111');
  const rows = leanRows([...cells('trades', '1100', '0110'), standard as RampartRecord, ...cells('other', '11', '11', { n: 3 })]);
  expect(rows).toEqual([
    expect.objectContaining({
      model: 'trades',
      standard: 50,
      lean: 50,
      onlyStandard: 1,
      onlyLean: 1,
      passes: { standard: 2000, lean: 300 },
      flags: [],
    }),
  ]);
  expect(leanTable(rows)).toContain('| trades | Linf 0.0314 | 4 | 50.0 | 50.0 | 0.0 | 1 | 1 | 15.0 % |  |');
});

test('a training that was done again to other weights is another model', () => {
  const again = cells('trades', '1111', '1110').map((cell) => ({
    ...cell,
    model: { ...(cell as CellRecord).model, weightsHash: 'other' },
  }));
  const rows = leanRows([...cells('trades', '1100', '1100'), ...again] as RampartRecord[]);
  expect(rows.map(({ standard, lean }) => [standard, lean])).toEqual([
    [50, 50],
    [100, 75],
  ]);
});

test('where there are several versions of the rule rows say which', () => {
  const [standard, lean] = cells('trades', '1100', '0110') as [CellRecord, CellRecord];
  const later = { ...lean, key: 'later', attack: { ...lean.attack, version: 3 } };
  expect(leanRows([standard, later]).map(({ model }) => model)).toEqual(['trades']);
  expect(leanRows([standard, lean, later]).map(({ model }) => model)).toEqual([
    `trades, version ${lean.attack.version}`,
    'trades, version 3',
  ]);
});

test('the rule is falsified by one model without a flag, by the mean, or by the passes', () => {
  const holds = (...all: RampartRecord[][]) => verdictOf(leanRows(all.flat()))?.holds;
  expect(holds(cells('a', '1100', '1100'))).toBe(true);
  expect(holds(cells('a', '1100', '1110'))).toBe(false);
  expect(holds(cells('a', '1100', '1110', { flags: [{ name: 'zero-gradient', detail: '' }] }))).toBeUndefined();
  const many = '1'.repeat(999);
  expect(holds(cells('a', `${many}0`, `${many}1`))).toBe(false);
  expect(holds(cells('a', `${many}0`, `${many}1`), cells('b', `${many}1`, `${many}0`))).toBe(true);
  const greedy = cells('a', '1100', '1100', { passes: { forward: 300, backward: 300 } });
  expect(holds(greedy)).toBe(false);
  expect(holds(greedy, cells('b', '1', '1'))).toBe(false);
  // of passes that are as many as they are, not of shares
  expect(holds(greedy, cells('b', '1', '1'), cells('c', '1', '1', { passes: { forward: 100, backward: 100 } }))).toBe(true);
});
