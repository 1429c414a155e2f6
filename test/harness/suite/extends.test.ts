/** A suite on top of another: what is merged and what replaced, whose line a mistake has, and chains that are refused. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSuite } from '../../../harness/suite/read.ts';
import { freshFolder } from '../folders.ts';
import { suiteText } from '../suites.ts';

/** Writes the files by name and reads the first. */
async function read(files: Record<string, string>) {
  const folder = freshFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const { suite } = await loadSuite(join(folder, Object.keys(files)[0] as string));
  return suite;
}

async function refusal(files: Record<string, string>): Promise<string> {
  const result = await read(files).catch((error: Error) => error);
  if (!(result instanceof Error)) throw new Error('the suite was taken');
  return result.message;
}

const base = suiteText();
const recipesOf = (suite: Awaited<ReturnType<typeof read>>) =>
  suite.defenses.map(({ label, trainings }) => [label, trainings[0]?.recipe] as const);

test('keys are merged one by one, lists are replaced', async () => {
  const suite = await read({
    'own.yml': 'extends: base.yml\nname: own\nrecipe: { epochs: 5 }\nattacks: [noise]\nengine: { threads: 1 }\n',
    'base.yml': `${base}engine: { workers: 2 }\n`,
  });
  expect([suite.name, suite.title]).toEqual(['own', 'Small']);
  expect(suite.attacks.map(({ label }) => label)).toEqual(['noise']);
  expect(suite.engine).toEqual({ threads: 1, workers: 2 });
  expect(suite.defenses.map(({ label }) => label)).toEqual(['standard', 'trades']);
  expect(recipesOf(suite)[0]?.[1]).toMatchObject({ epochs: 5, validation: 40, batchSize: 64 });
});

test('null takes away what the base says, and keys of another kind replace its', async () => {
  const schedule = 'recipe: { schedule: { kind: step, milestones: [1], factor: 0.5 }, validation: 40, batchSize: 64 }';
  const files = (recipe: string) => ({
    'own.yml': `extends: base.yml\nname: own\n${recipe}\n`,
    'base.yml': suiteText({ recipe: schedule }),
  });
  const [, whole] = recipesOf(await read(files('recipe: { batchSize: null }')))[0] ?? [];
  expect(whole).toMatchObject({ batchSize: 128, schedule: { kind: 'step', milestones: [1], factor: 0.5 } });
  const [, same] = recipesOf(await read(files('recipe: { schedule: { factor: 0.1 } }')))[0] ?? [];
  expect(same?.schedule).toEqual({ kind: 'step', milestones: [1], factor: 0.1 });
  const [, other] = recipesOf(await read(files('recipe: { schedule: { kind: cosine } }')))[0] ?? [];
  expect(other?.schedule).toEqual({ kind: 'cosine', warmup: 0 });
});

test('a chain of three goes from the last to the first', async () => {
  const suite = await read({
    'c.yml': 'extends: b.yml\nname: c\nkeepExamples: 3\n',
    'b.yml': 'extends: a.yml\nname: b\nkeepExamples: 2\nseeds: [7]\n',
    'a.yml': base,
  });
  expect([suite.name, suite.keepExamples, suite.seeds]).toEqual(['c', 3, [7]]);
});

test('paths are those of the file that says them', async () => {
  const suite = await read({
    'deep/er/own.yml': 'extends: ../../base.yml\nname: own\n',
    'base.yml': suiteText({
      datasets: 'datasets: [{ name: shapes, train: 300, test: { indices: lists/few.json } }]',
      attacks: 'attacks: [{ name: fgsm, n: { indices: lists/one.json } }]',
    }),
    'lists/few.json': '[3, 5, 8]',
    'lists/one.json': '[5]',
  });
  expect(suite.datasets[0]?.select.test).toEqual({ indices: [3, 5, 8] });
  expect(suite.attacks[0]?.n).toEqual({ from: 5, count: 1 });
});

test('a mistake has the file and the line that say it', async () => {
  const text = await refusal({
    'own.yml': 'extends: base.yml\nname: own\nrecipe:\n  batchSize: many\nattacks:\n  - fgsm\n  - { name: pgd, stepz: 1 }\n',
    'base.yml': suiteText({ recipe: 'recipe: { epochs: 0, validation: 40 }' }),
  });
  const place = (file: string, line: number) => expect.stringMatching(new RegExp(`${file}\\.yml:${line}: `));
  const lines = text.split('\n').slice(1);
  expect(lines.find((line) => line.includes('recipe.epochs'))).toEqual(place('base', 6));
  expect(lines.find((line) => line.includes('recipe.batchSize'))).toEqual(place('own', 4));
  const attack = await refusal({
    'own.yml': 'extends: base.yml\nname: own\nattacks:\n  - fgsm\n  - { name: pgd, stepz: 1 }\n',
    'base.yml': base,
  });
  expect(attack).toMatch(/own\.yml:5: attacks\[1\]\.stepz: unknown key/);
});

test.each([
  [
    'a circle',
    { 'a.yml': 'extends: b.yml\nname: a\n', 'b.yml': 'extends: a.yml\nname: b\n' },
    /b\.yml:1: extends: expected no circle, got a\.yml extends b\.yml extends a\.yml/,
  ],
  ['itself', { 'a.yml': 'extends: ./a.yml\nname: a\n' }, /expected no circle, got a\.yml extends a\.yml/],
  ['a file that is not there', { 'a.yml': 'name: a\nextends: c.yml\n' }, /a\.yml:2: extends: .*c\.yml cannot be read/],
  [
    'a name that is not its own',
    { 'a.yml': 'extends: b.yml\n', 'b.yml': base },
    /a\.yml:1: name: is missing; a suite that extends another/,
  ],
  ['a list for a suite', { 'a.yml': 'extends: b.yml\nname: a\n', 'b.yml': '- 1\n' }, /b\.yml: expected keys with values/],
  ['a number for a file', { 'a.yml': 'extends: 3\nname: a\n' }, /extends: expected text, got 3/],
  [
    'a longer chain than any needs',
    Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.yml`, i === 8 ? base : `extends: ${i + 1}.yml\nname: a${i}\n`])),
    /7\.yml:1: extends: expected at most 8 files/,
  ],
])('%s is refused', async (_what, files, message) => {
  expect(await refusal(files)).toMatch(message);
});
