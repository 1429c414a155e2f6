/** Files that no run wrote: `validate-results` refuses each by its reason, and never shows what is in it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Entry, writeSafetensors } from '../../models/safetensors.ts';
import { validateResults } from '../../records/check-folder.ts';
import { parseExamples } from '../../records/examples.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { LIMITS, readPlain } from '../../records/plain-file.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { nesting } from '../../records/record-file.ts';
import { buildSite } from '../../reports/site.ts';
import { freshFolder } from '../harness/folders.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

let dir: string;
let records: RampartRecord[];
let cell: CellRecord;
let model: ModelRecord;

const placeOf = (r: RampartRecord) => (r.kind === 'model' ? `models/${r.key}/record.json` : `cells/${r.key}.json`);
const examplesOf = (c: CellRecord) => `cells/${c.key}.examples.safetensors`;

function put(path: string, content: string | Uint8Array): string {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, content);
  return file;
}

/** Puts a link at `path`, in the place of what is there. */
function link(path: string, to: string): void {
  rmSync(join(dir, path), { force: true, recursive: true });
  symlinkSync(to, join(dir, path));
}

const reasons = async () => Object.fromEntries((await validateResults(dir)).refused.map(({ file, reason }) => [file, reason]));

beforeEach(() => {
  dir = freshFolder();
  records = syntheticRecords({ models: 2, n: 50, attacks: ['pgd'] });
  for (const r of records) r.key = r.key.slice(0, 24);
  for (const r of records) if (r.kind === 'cell') r.model.key = r.model.key.slice(0, 24);
  for (const r of records) put(placeOf(r), JSON.stringify(r));
  cell = records.find((r) => r.kind === 'cell' && r.attack.name === 'pgd' && /01|10/.test(r.outcomes.robust)) as CellRecord;
  model = records.find((r) => r.key === cell.model.key) as ModelRecord;
});

test.each([
  ['a system file', '/etc/passwd'],
  ['a device without an end', '/dev/zero'],
  ['a file beside it', 'other.json'],
  ['nothing', 'gone'],
  ['itself', '.'],
])('a record that is a link to %s is refused unread', async (_what, to) => {
  link(placeOf(cell), to);
  expect(await reasons()).toEqual({ [placeOf(cell)]: 'expected a plain file, got a link' });
});

test('folders that are links are refused', async () => {
  const elsewhere = freshFolder();
  writeFileSync(join(elsewhere, 'record.json'), JSON.stringify(model));
  link(`models/${model.key}`, elsewhere);
  expect(await reasons()).toMatchObject({ [`models/${model.key}`]: 'expected a plain file, got a link' });
  await expect(readPlain(dir, placeOf(model), LIMITS.record)).rejects.toThrow('got one in a folder that is a link');
});

test('the folder of the records itself may be a link', async () => {
  const other = join(freshFolder(), 'results');
  symlinkSync(dir, other);
  expect(await validateResults(other)).toMatchObject({ models: 2, refused: [] });
});

test('pipes are refused without waiting for a writer', { timeout: 10_000 }, async () => {
  for (const path of [placeOf(cell), examplesOf(cell)]) {
    rmSync(join(dir, path), { force: true });
    execFileSync('mkfifo', [join(dir, path)]);
  }
  expect(await reasons()).toEqual({
    [placeOf(cell)]: 'expected a plain file, got a pipe',
    [examplesOf(cell)]: 'expected a plain file, got a pipe',
  });
});

test.each([
  ['record', () => placeOf(cell)],
  ['examples', () => examplesOf(cell)],
  ['weights', () => `artifacts/${model.weightsHash}`],
] as const)('a %s file beyond its limit is refused unread', async (kind, place) => {
  truncateSync(put(place(), ''), LIMITS[kind] + 1);
  expect((await reasons())[place()]).toBe(`expected at most ${LIMITS[kind]} bytes, got ${LIMITS[kind] + 1}`);
});

test('folders far below are refused, not walked', async () => {
  mkdirSync(join(dir, Array.from({ length: 900 }, () => 'a').join('/')), { recursive: true });
  expect(await reasons()).toEqual({ 'a/a/a': 'not the place of a record: a folder too deep' });
});

test.each([7_000, 1_000_000])('JSON that nests %i deep is refused by its depth', async (deep) => {
  const params = `${'['.repeat(deep)}${']'.repeat(deep)}`;
  put(placeOf(cell), JSON.stringify(cell).replace(/"params":\{[^}]*\}/, `"params":{"a":${params}}`));
  // a record, its attack, the attack's params
  expect(await reasons()).toEqual({ [placeOf(cell)]: `expected JSON that nests at most 32 deep, got ${deep + 3}` });
});

test('brackets in texts do not nest, whatever is escaped before them', () => {
  const depth = (value: unknown) => nesting(Buffer.from(JSON.stringify(value)));
  expect(depth([{ a: '[[[[' }])).toBe(2);
  expect(depth(['\\"[[[', '\\', [['"[[']]])).toBe(3);
});

test.each([
  ['text', 'root:x:0:0:secret'],
  ['JSON that is no record', '{"password":"secret"}'],
  ['a list', '["secret"]'],
  ['bytes', Buffer.from([0xff, 0xfe, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74])],
])('%s in the place of a record is refused without a byte of it', async (_what, content) => {
  put(placeOf(cell), content);
  const reason = (await reasons())[placeOf(cell)] as string;
  expect(reason).toMatch(/^not (JSON|a record)/);
  expect(reason).not.toMatch(/secret|root|password/);
});

/** Examples of the first broken images, changed. */
function examples(change: (entries: Map<string, Entry>) => void = () => undefined): Uint8Array {
  const ids = [...cell.outcomes.robust].flatMap((c, i) => (c === '0' ? [i] : [])).slice(0, 2);
  const images = () => ({ shape: [2, 4, 4, 3], data: new Float32Array(96).fill(0.5) });
  const entries = new Map<string, Entry>([
    ['ids', { shape: [2], data: Float32Array.from(ids) }],
    ['clean', images()],
    ['adversarial', images()],
    ['confidences', { shape: [2], data: Float32Array.of(0.5, 1) }],
  ]);
  change(entries);
  return writeSafetensors(entries);
}

const robustId = () => cell.outcomes.robust.indexOf('1');

const MISFITS: [string, () => Uint8Array, RegExp][] = [
  ['junk', () => Buffer.from('root:x:0:0:root'), /header/],
  [
    'images without values',
    () =>
      examples((e) => {
        for (const name of ['clean', 'adversarial']) e.set(name, { shape: [1, 60000, 60000, 0], data: new Float32Array() });
        e.set('ids', { shape: [1], data: Float32Array.of(0) });
        e.delete('confidences');
      }),
    /expected images of 1 or 3 channels with sides from 1 to 2048, got the shape \[1, 60000, 60000, 0\]/,
  ],
  ['no images', () => examples((e) => e.delete('adversarial')), /expected the entries ids, clean, adversarial/],
  ['no indices', () => examples((e) => e.delete('ids')), /expected the entries ids, clean, adversarial/],
  ['no originals', () => examples((e) => e.delete('clean')), /expected the entries ids, clean, adversarial/],
  ['an entry of its own', () => examples((e) => e.set('more', { shape: [1], data: Float32Array.of(1) })), /expected the entries ids/],
  [
    'two channels',
    () =>
      examples((e) => {
        for (const name of ['clean', 'adversarial']) e.set(name, { shape: [2, 4, 6, 2], data: new Float32Array(96) });
      }),
    /got the shape \[2, 4, 6, 2\]/,
  ],
  [
    'images of two sizes',
    () => examples((e) => e.set('clean', { shape: [2, 2, 8, 3], data: new Float32Array(96) })),
    /not of the same examples/,
  ],
  ['more numbers than images', () => examples((e) => e.set('ids', { shape: [3], data: Float32Array.of(0, 1, 2) })), /not of the same/],
  [
    'an image that the attack did not break',
    () => examples((e) => e.set('ids', { shape: [2], data: Float32Array.of(robustId(), robustId()) })),
    /example \d+ is not one of the 50 images that the attack broke/,
  ],
  ['an image out of range', () => examples((e) => e.set('ids', { shape: [2], data: Float32Array.of(50, -1) })), /example 50 is not one/],
  ['half an image', () => examples((e) => e.set('ids', { shape: [2], data: Float32Array.of(0.5, 1) })), /example 0\.5 is not one/],
  [
    'an image twice',
    () =>
      examples((e) => {
        const [first] = (e.get('ids') as Entry).data;
        e.set('ids', { shape: [2], data: Float32Array.of(first as number, first as number) });
      }),
    /an example is there twice/,
  ],
  [
    'values that are no numbers',
    () => examples((e) => (e.get('clean') as Entry).data.set([Number.NaN], 95)),
    /expected values from 0 to 1/,
  ],
  ['values outside the box', () => examples((e) => (e.get('adversarial') as Entry).data.set([1.01], 0)), /expected values from 0 to 1/],
];

test.each(MISFITS)('examples with %s are refused, and left out of the site under the same reason', async (_what, bytes, reason) => {
  put(examplesOf(cell), bytes());
  const refused = await reasons();
  expect(refused).toEqual({ [examplesOf(cell)]: expect.stringMatching(reason) });
  const left: Record<string, string> = {};
  const store = new FolderStore(dir, { onDamage: ({ what, reason: why }) => Object.assign(left, { [relative(dir, what)]: why }) });
  const site = await buildSite(records, { examples: (c) => store.examples(c) });
  expect(left).toEqual(refused);
  expect(site.paths()).toContain('index.html');
});

test('examples that a run wrote are taken and shown', async () => {
  put(examplesOf(cell), examples());
  expect(await reasons()).toEqual({});
  expect(parseExamples(examples(), cell)).toMatchObject({ shape: [4, 4, 3] });
  const site = await buildSite(records, { examples: (c) => new FolderStore(dir).examples(c) });
  expect(site.paths().filter((path) => path.startsWith('gallery/'))).toHaveLength(2);
});

test('examples without a record are refused', async () => {
  put(`cells/${'e'.repeat(24)}.examples.safetensors`, examples());
  expect(Object.values(await reasons())).toEqual(['examples without a cell record beside them']);
});
