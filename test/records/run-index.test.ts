import { expect, test } from 'vitest';
import type { RampartRecord } from '../../records/record.ts';
import { type RunIndex, recordsOfRun, showable } from '../../records/run-index.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

const records = syntheticRecords({ models: 2, n: 50, attacks: ['pgd'] });
const models = records.filter((r) => r.kind === 'model');
const suite = { name: 's', title: 'S', description: '', file: 's.yml' };
const keysOf = (all: readonly RampartRecord[]) => all.map((r) => r.key);

test('without an index, all records are shown', () => {
  expect(recordsOfRun(records, undefined)).toEqual(records);
});

test('records are those of the last run, in its order, under its names and on its test set', () => {
  const [cell] = records.filter((r) => r.kind === 'cell' && r.attack.label === 'pgd');
  const index: RunIndex = {
    suite,
    records: [
      { kind: 'cell', key: cell?.key ?? '', model: 'renamed', attack: 'pgd steps=5' },
      { kind: 'model', key: models[1]?.key ?? '', model: 'renamed', data: { hash: 'longer', test: 80 } },
      { kind: 'model', key: 'gone', model: 'gone' },
    ],
  };
  const [first, second, ...rest] = recordsOfRun(records, index);
  expect(rest).toEqual([]);
  expect(first).toMatchObject({ key: cell?.key, model: { name: 'renamed' }, attack: { label: 'pgd steps=5' } });
  expect(second).toMatchObject({
    key: models[1]?.key,
    name: 'renamed',
    dataset: { hash: 'longer', test: 80, train: models[1]?.dataset.train },
  });
});

test('cells without their model, and wrappers without what they wrap with all their cells, are not shown', () => {
  const [base, wrapper] = models as [RampartRecord, RampartRecord];
  const wrapped = records.map((r) => (r.key === wrapper.key ? { ...r, wraps: base.key } : r)) as RampartRecord[];
  expect(showable(wrapped).orphans).toEqual([]);
  const { shown, orphans } = showable(wrapped.filter((r) => r.key !== base.key));
  expect(shown).toEqual([]);
  expect(orphans.length).toBe(wrapped.length - 1);
  const less = showable(wrapped.filter((r) => r.key !== wrapper.key));
  expect(keysOf(less.orphans)).toEqual(keysOf(wrapped.filter((r) => r.kind === 'cell' && r.model.key === wrapper.key)));
});
