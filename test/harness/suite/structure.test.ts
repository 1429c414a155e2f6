/** Suites whose structure was changed at random: whatever they have become, each is taken or refused by a message with file and line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolveSuite } from '../../../harness/suite/read.ts';
import { SuiteError } from '../../../harness/suite/source/problems.ts';
import { freshFolder } from '../folders.ts';
import { takenOrRefused } from './fuzz.ts';

/** A value of YAML; an object is a list of pairs, so that a key may be there twice, and a leaf is its text. */
type Tree = { list: Tree[] } | { pairs: [key: string, value: Tree][] } | string;

const treeOf = (value: unknown): Tree => {
  if (Array.isArray(value)) return { list: value.map(treeOf) };
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return { pairs: Object.entries(value).map(([key, member]) => [key, treeOf(member)]) };
};

/** Flow style, an entry a line. */
function textOf(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  if ('list' in tree) return `[\n${tree.list.map((value) => `${textOf(value)},\n`).join('')}]`;
  return `{\n${tree.pairs.map(([key, value]) => `${JSON.stringify(key)}: ${textOf(value)},\n`).join('')}}`;
}

const GOOD = treeOf({
  name: 'small',
  title: 'Small',
  plugins: [],
  datasets: [
    { name: 'shapes', label: 'ours', seed: 1, train: { from: 10, count: 290 }, test: { from: 0, count: 40 } },
    { name: 'shapes', label: 'theirs', train: 300, test: { indices: 'test.json' } },
  ],
  threats: [
    { norm: 'Linf', eps: [0.01, 0.03], main: 0.03 },
    { kind: 'ball', norm: 'L2', eps: 0.5 },
  ],
  architectures: ['cnn-small', 'resnet-tiny'],
  recipe: { epochs: 2, validation: 40, batchSize: 64, schedule: { kind: 'piecewise', milestones: [0.5, 0.75] } },
  defenses: [
    'standard',
    {
      name: 'trades',
      beta: 6,
      architectures: ['cnn-small'],
      threat: { norm: 'L2', eps: 0.5 },
      recipe: { epochs: 1, averaging: { ema: 0.9 } },
    },
    { name: 'jpeg', around: ['trades', 'standard'] },
  ],
  attacks: [
    'fgsm',
    { name: 'pgd', steps: 3, n: { from: 2, count: 8 }, norms: ['Linf'], models: ['standard'] },
    { name: 'transfer', sources: ['standard'], n: { indices: 'attacked.json' } },
  ],
  seeds: [0, 1],
  engine: { name: 'wasm', threads: 1, batchSize: 32 },
  keepExamples: 2,
  timeoutMinutes: 5,
});

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'name',
  'label',
  'params',
  'norm',
  'n',
  'from',
  '',
  ' ',
  '0',
  '-1',
  'é',
  '\u202e',
];

const LEAVES = [
  ...[
    'null',
    '~',
    'true',
    '-1',
    '0',
    '-0',
    '1',
    '0.5',
    '1e999',
    '-1e308',
    '5e-324',
    '.nan',
    '.inf',
    '-.inf',
    '0x10',
    '0o17',
    '8/255',
    '1/3',
  ],
  ...['9007199254740993', '2147483648', '4294967296', '1e21', '99999999999999999999999'],
  ...['[]', '{}', '[[]]', '[null]', '{ "a": 1 }', '{ "from": 0, "count": 5 }', '{ "indices": "gone.json" }', '{ "indices": "/dev/zero" }'],
];

const TEXTS = [
  ...['', ' ', 'standard', 'fgsm', 'autoattack', 'L1', 'Linf', 'cnn-small', 'constructor', '__proto__', '../..', '/dev/zero', '/', 'a.mjs'],
  ...['\u0000', '\u001b[31m', '\u202e', '\ud800', '\u2028', 'é'.repeat(100), 'x'.repeat(10_000), '8/0', '<script>', 'ours', 'theirs'],
];

const leaf: fc.Arbitrary<Tree> = fc.oneof(
  fc.constantFrom(...LEAVES),
  fc.constantFrom(...TEXTS).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const key = fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 3 }));

const change = fc.record({
  at: fc.nat(),
  from: fc.nat(),
  how: fc.constantFrom('drop', 'double', 'rename', 'replace', 'replace', 'replace', 'move', 'wrap', 'add'),
  leaf,
  key,
});
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never;

type Branch = Exclude<Tree, string>;
interface Place {
  readonly branch: Branch;
  readonly index: number;
}

const children = (branch: Branch): Tree[] => ('list' in branch ? branch.list : branch.pairs.map(([, value]) => value));

/** Every place in a tree that holds a value, its own aside. */
function placesOf(tree: Tree): Place[] {
  if (typeof tree === 'string') return [];
  return children(tree).flatMap((child, index) => [{ branch: tree, index }, ...placesOf(child)]);
}

const valueAt = ({ branch, index }: Place) => children(branch)[index] as Tree;

function put({ branch, index }: Place, value: Tree): void {
  if ('list' in branch) branch.list[index] = value;
  else (branch.pairs[index] as [string, Tree])[1] = value;
}

const copy = (tree: Tree): Tree => structuredClone(tree);

/** Changes `tree` at one of its places. */
function apply(tree: Tree, { at, from, how, leaf: given, key: name }: Change): void {
  const places = placesOf(tree);
  const place = places[at % places.length];
  if (!place) return;
  const { branch, index } = place;
  const entries: unknown[] = 'list' in branch ? branch.list : branch.pairs;
  if (how === 'drop') entries.splice(index, 1);
  else if (how === 'double') entries.splice(index, 0, structuredClone(entries[index]));
  else if (how === 'rename' && 'pairs' in branch) (branch.pairs[index] as [string, Tree])[0] = name;
  else if (how === 'move') put(place, copy(valueAt(places[from % places.length] as Place)));
  else if (how === 'wrap') put(place, from % 2 === 0 ? { list: [valueAt(place)] } : { pairs: [[name, valueAt(place)]] });
  else if (how === 'add') entries.push('list' in branch ? given : [name, given]);
  else put(place, given);
}

function folderWithIndices(): string {
  const folder = freshFolder();
  writeFileSync(join(folder, 'test.json'), JSON.stringify([5, 6, 7, 8, 9, 4, 0, 1, 2, 3]));
  writeFileSync(join(folder, 'attacked.json'), '0\n1\n2\n');
  return folder;
}

test('the suite that is changed is right before it is', async () => {
  await expect(resolveSuite(textOf(GOOD), join(folderWithIndices(), 's.yml'))).resolves.toBeDefined();
});

test('300 suites of changed structure are each taken or refused by a message with file and line', { timeout: 120_000 }, async () => {
  const changed = fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const tree = copy(GOOD);
    for (const one of changes) apply(tree, one);
    return textOf(tree);
  });
  await takenOrRefused(changed, 11, join(folderWithIndices(), 's.yml'));
});

const PLUGIN = (name: string) =>
  `export default { name: '${name}', title: 't', paper: '', version: 1, access: 'scores', norms: ['Linf'], params: {}, cost() {}, create() {} };\n`;

test.each<[string, string[], string]>([
  ['is not there', ['mine.mjs', 'gone.mjs'], 'plugins[1]: [plugin] FOLDER/gone.mjs cannot be read: ENOENT'],
  [
    'is there twice under two spellings',
    ['mine.mjs', './mine.mjs'],
    'plugins[1]: [plugin FOLDER/mine.mjs] the name "mine" is taken by another plug-in',
  ],
  ['is a folder', ['mine.mjs', '.'], 'plugins[1]: [plugin] FOLDER: expected a file, got a folder'],
  ['has no end', ['mine.mjs', '/dev/zero'], 'plugins[1]: [plugin] /dev/zero: expected a file, got a pipe or a device'],
  [
    'has a kind of every object',
    ['mine.mjs', 'kind.mjs'],
    'plugins[1]: [plugin FOLDER/kind.mjs] expected kind "training" or "wrapper", got "constructor"',
  ],
])('a plug-in file that %s is a problem of its line', async (_what, plugins, message) => {
  const folder = freshFolder();
  writeFileSync(join(folder, 'mine.mjs'), PLUGIN('mine'));
  writeFileSync(join(folder, 'kind.mjs'), `export default { name: 'x', kind: 'constructor' };\n`);
  const text = `name: small\nplugins:\n${plugins.map((path) => `  - ${path}\n`).join('')}datasets: [shapes]\nthreats: [{ norm: Linf, eps: 0.03 }]\nattacks: [mine, none]\n`;
  const error: unknown = await resolveSuite(text, join(folder, 's.yml')).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SuiteError);
  expect((error as Error).message).toContain(`s.yml:4: ${message.replace('FOLDER', folder)}`);
});
