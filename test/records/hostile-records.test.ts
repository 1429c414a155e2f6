/** Whatever `validate-results` takes, a site can be made of. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { validateResults } from '../../records/check-folder.ts';
import type { ModelRecord, RampartRecord } from '../../records/record.ts';
import { parseRecord } from '../../records/record-file.ts';
import { buildSite } from '../../reports/site.ts';
import { freshFolder } from '../harness/folders.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

type Path = readonly string[];

const records = syntheticRecords({ models: 2, n: 12, attacks: ['pgd'] });
for (const r of records) r.key = r.key.slice(0, 24);
for (const r of records) if (r.kind === 'cell') r.model.key = r.model.key.slice(0, 24);

const placeOf = (r: RampartRecord) => (r.kind === 'model' ? `models/${r.key}/record.json` : `cells/${r.key}.json`);
const parsed = (r: RampartRecord, value: unknown) => parseRecord(r.kind, Buffer.from(JSON.stringify(value))) as RampartRecord;

/** The paths of all values but those far down a list, which are like those before. */
function pathsIn(value: unknown, at: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [at];
  return [at, ...Object.entries(value).flatMap(([key, member]) => (Number(key) > 2 ? [] : pathsIn(member, [...at, key])))];
}

function withValue(record: RampartRecord, path: Path, value: unknown): unknown {
  const copy: Record<string, unknown> = { record: structuredClone(record) };
  const whole = ['record', ...path];
  const parent = whole.slice(0, -1).reduce((inner, key) => inner[key] as Record<string, unknown>, copy);
  parent[whole.at(-1) as string] = value;
  return copy.record;
}

const NUMBERS = [-1, 0, 0.5, 1e21, 1e308, -1e308, 5e-324, 2 ** 53 - 1, 1 - 2 ** 53];
const TEXTS = [
  '',
  '__proto__',
  'constructor',
  '\ud800',
  '\0',
  '../../x',
  'a\nb',
  '</script><script>1</script>',
  '{{x}}',
  '=cmd()',
  '1'.repeat(12),
];
const OTHERS = [
  'x'.repeat(100_000),
  ' '.repeat(60_000),
  [],
  {},
  [[]],
  null,
  true,
  JSON.parse('{"__proto__": {"a": 1}}'),
  { length: 3, toString: 1 },
];

const change = fc.tuple(
  fc.constantFrom(...records.flatMap((r, i) => pathsIn(r).map((path) => [i, path] as const))),
  fc.constantFrom(...NUMBERS, ...TEXTS, ...OTHERS),
);

test('records with any value changed are refused, or shown', { timeout: 200_000 }, async () => {
  const dir = freshFolder();
  await fc.assert(
    fc.asyncProperty(change, async ([[at, path], value]) => {
      const changed: unknown[] = records.map((r, i) => (i === at ? withValue(r, path, value) : r));
      rmSync(dir, { recursive: true, force: true });
      for (const [i, r] of records.entries()) {
        mkdirSync(dirname(join(dir, placeOf(r))), { recursive: true });
        writeFileSync(join(dir, placeOf(r)), JSON.stringify(changed[i]));
      }
      const { refused } = await validateResults(dir);
      if (refused.length > 0) return;
      const site = await buildSite(records.map((r, i) => parsed(r, changed[i])));
      expect(site.paths()).toContain('index.html');
    }),
    { numRuns: 250, seed: 11 },
  );
});

test.each<[string, Path, unknown, RegExp]>([
  [
    'a number that overflows when it is squared',
    ['epochs', '1', 'trainAccuracy'],
    -1e308,
    /expected numbers up to 3\.5e\+38, got -1e\+308/,
  ],
  ['a key that is no file name', ['key'], 'a\nb', /expected a key of letters/],
])('%s is refused', (_what, path, value, reason) => {
  const model = records.find((r) => r.kind === 'model' && r.epochs.length > 1) as ModelRecord;
  expect(() => parsed(model, withValue(model, path, value))).toThrow(reason);
});

test('outcomes of more images than there are is refused before room is made for them', () => {
  const cell = records.find((r) => r.kind === 'cell') as RampartRecord;
  expect(() => parsed(cell, withValue(cell, ['n'], 2 ** 53 - 1))).toThrow('expected 9007199254740991 outcomes.robust, got 12');
});

test('a model that wraps itself is refused', async () => {
  const dir = freshFolder();
  for (const r of records) {
    mkdirSync(dirname(join(dir, placeOf(r))), { recursive: true });
    writeFileSync(join(dir, placeOf(r)), JSON.stringify(r.kind === 'model' ? { ...r, wraps: r.key } : r));
  }
  const { refused } = await validateResults(dir);
  expect(refused.map((r) => r.reason)).toEqual(['wraps itself, by whatever way round', 'wraps itself, by whatever way round']);
});
