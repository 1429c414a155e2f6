/** The invented records are records: the schema takes them, and they are the same every time. */
import { expect, it } from 'vitest';
import { cellRecordSchema, modelRecordSchema } from '../../records/record.ts';
import { syntheticRecords } from './synthetic.ts';

it('pass the schema', () => {
  for (const record of syntheticRecords({ models: 8, attacks: ['pgd', 'autoattack'], failing: [['pgd-at', 'pgd']] }))
    (record.kind === 'model' ? modelRecordSchema : cellRecordSchema).parse(record);
});

it('are the same every time', () => {
  expect(syntheticRecords()).toEqual(syntheticRecords());
});
