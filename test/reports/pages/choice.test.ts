/** What an attack that suits itself to the model has chosen stands beside its parameters on the page of that model. */
import { expect, test } from 'vitest';
import type { RampartRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { syntheticRecords } from '../synthetic.ts';

test('the choice of a cell is on the page of its model, and on no other', async () => {
  const records = syntheticRecords({ models: 2, attacks: ['pgd'], n: 20 }).map((r) =>
    r.kind === 'cell' && r.model.name === 'pgd-at' && r.attack.label === 'pgd' ? { ...r, choice: 'scaled-ce' } : r,
  ) as RampartRecord[];
  const site = await buildSite(records, { title: 'Choices' });
  expect(String(site.get('models/pgd-at.html'))).toContain('chose scaled-ce');
  expect(String(site.get('models/standard.html'))).not.toContain('chose scaled-ce');
});
