import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { suiteJsonSchema } from '../../../harness/suite/json-schema.ts';
import { Registry } from '../../../harness/suite/registry.ts';

const schema = suiteJsonSchema(new Registry());

test('suites/schema.json is what the definitions give', () => {
  const file = JSON.parse(readFileSync(new URL('../../../suites/schema.json', import.meta.url), 'utf8'));
  expect(JSON.parse(JSON.stringify(schema)), 'suites/schema.json is stale: npm run schema').toEqual(file);
});

test('editors take a fraction wherever a number may stand', () => {
  const { attacks } = schema.properties as Record<string, { items: { anyOf: { properties?: Record<string, { anyOf?: unknown[] }> }[] } }>;
  const pgd = attacks?.items.anyOf.find((entry) => (entry.properties?.name as { const?: string } | undefined)?.const === 'pgd');
  expect(pgd?.properties?.stepSize?.anyOf).toContainEqual({ $ref: '#/$defs/fraction' });
});
