/** Mistakes and traps in the YAML of a suite: each is a message with its line, whatever the parser makes of it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadSuite } from '../../../harness/suite/read.ts';
import { SuiteError } from '../../../harness/suite/source/problems.ts';
import { FRACTION, parseSuiteYaml } from '../../../harness/suite/source/yaml.ts';
import { freshFolder } from '../folders.ts';
import { refusal, suiteText } from '../suites.ts';
import { takenOrRefused } from './fuzz.ts';

function fault(text: string): string {
  try {
    parseSuiteYaml(text, 's.yml');
  } catch (error) {
    expect(error).toBeInstanceOf(SuiteError);
    return (error as Error).message;
  }
  throw new Error('the text was taken');
}

const bomb = Array.from(
  { length: 12 },
  (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`,
);
const chain = Array.from({ length: 200 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}`}]`);

test.each<[string, string, string]>([
  ['an alias that nothing names', 'a: 1\nb: &c 2\nd: *e', '[suite] not valid YAML: s.yml:3: unknown alias *e; known before it: &c'],
  ['an alias before its anchor', 'a: *b\nc: &b 1', 's.yml:1: unknown alias *b; known before it: none'],
  ['a list that holds itself', 'a: &a\n  - *a', 's.yml:2: the alias *a stands inside of what it names'],
  ['keys that hold themselves', 'a: &a\n  b:\n    c: *a', 's.yml:3: the alias *a stands inside of what it names'],
  ['aliases that multiply', bomb.join('\n'), 's.yml:6: expected at most 100000 values, got 125479 with what aliases repeat'],
  ['aliases that nest', chain.join('\n'), 's.yml:63: expected lists and keys at most 64 deep'],
  ['a key that is there twice', 'a: 1\nb: 2\na: 3', 's.yml:3: Map keys must be unique'],
  ['a merge key', 'a: &x { b: 1 }\nc:\n  <<: *x', 's.yml:3: merge keys (<<) are not read; expected the keys themselves'],
  ['a list as a key', '? [a, b]\n: 1', 's.yml:1: expected a word as a key, got a list, keys or an alias'],
  ['an alias as a key', 'a: &x b\n*x : 1', 's.yml:1: expected a word as a key'],
  ['the prototype as a key', 'a:\n  __proto__: { b: 1 }', 's.yml:2: unknown key "__proto__"'],
  ['a tag of another language', 'a: 1\nb: !!js/function "x"', 's.yml:2: Unresolved tag: tag:yaml.org,2002:js/function'],
  ['binary data', 'a: !!binary aGVsbG8=', 's.yml:1: Unresolved tag: tag:yaml.org,2002:binary'],
  ['an older YAML', '%YAML 1.1\n---\na: yes', 's.yml:1: expected YAML 1.2, got 1.1'],
  ['two documents', 'a: 1\n---\nb: 2', 's.yml:2: Source contains multiple documents'],
  ['a NUL byte', 'a: 1\nb: "\0"', 's.yml:2: expected text, got the control character U+0000'],
  ['an escape sequence', 'a: \u001b[31mred', 's.yml:1: expected text, got the control character U+001B'],
  ['a tab as indent', 'a:\n\tb: 1', 's.yml:2: Tabs are not allowed as indentation'],
  ['lists too deep', `a: ${'['.repeat(65)}${']'.repeat(65)}`, 's.yml:1: expected lists and keys at most 64 deep'],
  ['lists too deep in a line', `${'- '.repeat(65)}a`, 's.yml:1: expected lists and keys at most 64 deep'],
  [
    'keys too deep',
    Array.from({ length: 70 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    's.yml:65: expected lists and keys at most 64 deep',
  ],
])('%s is refused with its line', (_what, text, message) => {
  expect(fault(text)).toMatch(message);
});

test('what is deep, but not too deep, is taken', () => {
  const deep = (n: number) => parseSuiteYaml(`${'['.repeat(n)}${']'.repeat(n)}`, 's.yml').data;
  expect(JSON.stringify(deep(62))).toBe(`${'['.repeat(62)}${']'.repeat(62)}`);
});

test('entries beside each other on one line are not deep, however many they are', () => {
  const entries = Array.from({ length: 500 }, (_, i) => ({ name: `a${i}`, steps: i }));
  const text = `attacks: [${entries.map(({ name, steps }) => `{ name: ${name}, steps: ${steps} }`).join(', ')}]`;
  expect(parseSuiteYaml(text, 's.yml').data).toEqual({ attacks: entries });
});

test('an alias repeats what it names', () => {
  expect(parseSuiteYaml('a: &r { epochs: 2 }\nb: *r\nc: [*r, *r]', 's.yml').data).toEqual({
    a: { epochs: 2 },
    b: { epochs: 2 },
    c: [{ epochs: 2 }, { epochs: 2 }],
  });
});

test('a byte order mark and the ends of lines of other systems are taken', () => {
  expect(parseSuiteYaml('\ufeffa: 1\r\nb: 2\r\n', 's.yml').data).toEqual({ a: 1, b: 2 });
});

test('of many faults the first are shown', () => {
  const message = fault('- @\n'.repeat(50));
  expect(message.split('\n')).toHaveLength(9);
  expect(message).toMatch(/ {2}and 42 more$/);
});

function suiteFile(content: string | Uint8Array): string {
  const file = join(freshFolder(), 'suite.yml');
  writeFileSync(file, content);
  return file;
}

test.each<[string, () => string, RegExp]>([
  ['a folder', freshFolder, /^\[suite\] .*: expected a file, got a folder$/],
  ['UTF-16', () => suiteFile(Buffer.from('\ufeffname: x', 'utf16le')), /: expected UTF-8, got UTF-16; save it as UTF-8$/],
  ['Latin-1', () => suiteFile(Buffer.from('title: Prüfung', 'latin1')), /: expected UTF-8, got bytes that are none; save it as UTF-8$/],
  ['a device without an end', () => '/dev/zero', /^\[suite\] \/dev\/zero: expected at most 1048576 bytes, got more$/],
  ['an empty file', () => suiteFile(''), /suite\.yml:1: the suite: expected keys with values, got null/],
  ['a list', () => suiteFile('- a'), /suite\.yml:1: the suite: expected keys with values, got \["a"\]/],
])('%s as a suite is refused', async (_what, file, message) => {
  await expect(loadSuite(file())).rejects.toThrow(message);
});

test('a suite of 1 MB is read, one of a byte more is refused', async () => {
  const text = suiteText({});
  const size = (bytes: number) => suiteFile(`${text}\n#${' '.repeat(bytes - Buffer.byteLength(text) - 2)}`);
  await expect(loadSuite(size(2 ** 20))).resolves.toBeDefined();
  await expect(loadSuite(size(2 ** 20 + 1))).rejects.toThrow('expected at most 1048576 bytes, got more');
});

function sparse(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, 3 * 2 ** 30);
}

test.each<[string, (path: string) => void, string]>([
  ['a folder', (path) => mkdirSync(path), 'expected a file, got a folder'],
  ['a pipe', (path) => spawnSync('mkfifo', [path]), 'expected a file, got a pipe or a device'],
  ['a file of 3 GB', sparse, 'expected at most 2147483647 bytes, got 3221225472'],
])('%s as weights is refused', async (_what, make, message) => {
  const weights = join(freshFolder(), 'weights.safetensors');
  make(weights);
  expect(await refusal({ models: `models: [{ name: m, weights: ${weights}, arch: resnet-tiny }]` })).toMatch(
    `models[0].weights: [weights] ${weights}: ${message}`,
  );
});

test.each([
  ['8/255', true],
  ['+.5 / 1.25', true],
  ['-8/255', true],
  ['8/', false],
  ['1./2', false],
  ['8/255/2', false],
  ['1e3/2', false],
])('%s is a fraction: %s', (text, is) => {
  expect(new RegExp(FRACTION).test(text)).toBe(is);
});

const PIECES = [
  '&a ',
  '*a',
  '*b',
  '<<: ',
  '!!binary ',
  '!!js/x ',
  '[',
  ']',
  '{',
  '}',
  ': ',
  '- ',
  '? ',
  '\n',
  '\n  ',
  '\t',
  '"',
  "'",
  '|\n',
  '>-\n',
  '#',
  '%',
  '@',
  '`',
  '---\n',
  '\0',
  '\u001b[31m',
  '\ufeff',
  '\u202e',
  '8/0',
  '1/',
  '.nan',
  '.inf',
  '-1',
  '1e999',
  '0x1f',
  'null',
  '~',
  'true',
  '[]',
  '{}',
  '__proto__: 1',
  'constructor',
  '\ud800',
  '9007199254740993',
];

/** A change to a text: what stands at a place is cut, repeated, or replaced. */
const change = fc.record({
  at: fc.nat(),
  cut: fc.nat({ max: 12 }),
  put: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 4 }), fc.constant('')),
});

function mutated(text: string, changes: readonly { at: number; cut: number; put: string }[]): string {
  return changes.reduce((now, { at, cut, put }) => {
    const place = at % (now.length + 1);
    return now.slice(0, place) + put + now.slice(place + cut);
  }, text);
}

const RICH = `${suiteText({
  recipe: 'recipe: &r { epochs: 1, validation: 40, batchSize: 64, schedule: { kind: piecewise, milestones: [0.5, 3/4] } }',
  defenses: 'defenses: [standard, { name: trades, beta: 6, recipe: { epochs: 2 } }, { name: jpeg, around: [trades] }]',
  attacks: 'attacks:\n  - fgsm\n  - { name: pgd, steps: 3, n: 4, norms: [Linf] }\n  - name: transfer\n    sources: [standard]',
})}\nseeds: [0, 1]\nengine: { name: wasm, threads: 1 }\nkeepExamples: 2\n`;

test('300 suites with mistakes are each taken or refused by a message, never by another error', { timeout: 120_000 }, async () => {
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  await takenOrRefused(
    changes.map((made) => mutated(RICH, made)),
    10,
    's.yml',
  );
});
