/** What comes from suites and records reaches the terminal as text: nothing in it acts. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { inert, table } from '../../cli/output.ts';
import { freshFolder } from '../harness/folders.ts';
import { suiteText } from '../harness/suites.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Clears the screen, sets the title (ESC and the C1 form), turns the direction of text, breaks the line. */
const ACTS = [
  '\u001b[2J',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u009d0;title\u009c',
  '\u202e',
  '\u2066',
  '\u200f',
  '\u2028',
  '\r',
  '\n',
  '\u0000',
  '\u007f',
  '\u0008',
];

/** Everything a terminal acts on but the ends of lines. */
const acting = (text: string) => text.match(/[^\P{Cc}\n]|\p{Bidi_Control}|[\u2028\u2029]/gu) ?? [];

/** Runs a command; with `colours`, as on a terminal. */
function run(args: readonly string[], colours = false): { code: number | null; stdout: string; stderr: string } {
  const terminal = colours ? ['--import', 'data:text/javascript,process.stdout.isTTY=true'] : [];
  const { NO_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...terminal, main, ...args], { encoding: 'utf8', env });
  return { code: status, stdout, stderr };
}

test.each(ACTS)('%j is shown and does not act', (text) => {
  expect(inert(`a${text}b`)).toHaveLength(`a${text}b`.length);
  expect(acting(inert(`a${text}b`))).toEqual([]);
  expect(inert(`a${text}b`)).not.toMatch('\n');
});

test('letters of every script stay as they are', () => {
  const text = 'Prüfung 试验 مرحبا 😀 e\u0301';
  expect(inert(text)).toBe(text);
});

test('a row of a table stays a row, and its columns stay in line', () => {
  const rows = table(
    ['a', 'b'],
    [
      ['x\ny\u001b[2J', '1'],
      ['z', '2'],
    ],
  ).split('\n');
  expect(rows).toHaveLength(3);
  expect(rows.slice(1).map((row) => row.indexOf(row.endsWith('1') ? '1' : '2'))).toEqual([9, 9]);
});

/** A folder of records whose texts act. */
function hostileResults(): string {
  const dir = freshFolder();
  const records = syntheticRecords({ models: 1, n: 20, attacks: ['pgd'] });
  for (const record of records) {
    record.key = record.key.slice(0, 24);
    if (record.kind === 'cell')
      Object.assign(record, { status: 'failed', error: { kind: 'error', message: `failed ${ACTS.join('x')}\nerror forged` } });
    const file = join(dir, record.kind === 'model' ? `models/${record.key}/record.json` : `cells/${record.key}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(record));
  }
  mkdirSync(join(dir, 'cells'), { recursive: true });
  writeFileSync(join(dir, 'cells', 'name\u001b[2J\nerror forged.json'), '');
  return dir;
}

test.each([false, true])('validate-results shows reasons and names of files as text, colours %s', (colours) => {
  const { code, stdout, stderr } = run(['validate-results', hostileResults()], colours);
  expect(code).toBe(1);
  expect(stderr).toMatch(/a failed job is no result: failed /);
  const uncoloured = stderr.replaceAll(colours ? '\u001b[31merror\u001b[0m' : '\0', 'error');
  expect(acting(uncoloured + stdout)).toEqual([]);
  expect(stderr).not.toMatch(/^error forged/m);
});

test('JSON holds the same values, and nothing that acts', () => {
  const { stdout } = run(['validate-results', hostileResults(), '--json']);
  expect(acting(stdout)).toEqual([]);
  const { refused } = JSON.parse(stdout) as { refused: { reason: string }[] };
  for (const text of ACTS) expect(refused.some(({ reason }) => reason.includes(text))).toBe(true);
});

/** YAML refuses the characters themselves, and takes them escaped. */
const quoted = (text: string) =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

test.each([false, true])('a title and labels that would act are refused, and shown as text, colours %s', (colours) => {
  const file = join(freshFolder(), 'suite.yml');
  const escaped = quoted(`a${ACTS.join('b')}\nvalid: forged`);
  const attacks = `attacks: [{ name: fgsm, label: ${escaped} }]`;
  writeFileSync(file, suiteText({ title: `title: ${escaped}`, attacks }));
  const plan = run(['plan', file, '--engine', 'wasm', '--out', freshFolder()], colours);
  expect(plan.code).toBe(2);
  for (const place of ['title', 'attacks[0].label'])
    expect(plan.stderr).toContain(`: ${place}: expected text without control characters, got "a`);
  expect(acting((plan.stdout + plan.stderr).replaceAll('\u001b[31merror\u001b[0m', ''))).toEqual([]);
  expect(plan.stdout + plan.stderr).not.toMatch(/^valid: forged/m);
  writeFileSync(file, suiteText({ attacks: `attacks: [{ name: ${escaped} }]` }));
  const refused = run(['validate', file], colours);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('attacks[0].name: expected text without control characters, got "a');
  expect(acting(refused.stderr.replaceAll('\u001b[31merror\u001b[0m', ''))).toEqual([]);
});
