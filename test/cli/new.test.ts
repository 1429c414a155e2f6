import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { identifier, newCommand, withRow } from '../../cli/commands/new.ts';
import { freshFolder } from '../harness/folders.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const LEFT_OUT = new Set(['node_modules', 'dist', 'runs', 'build', '.git', 'golden', 'coverage']);

/** A copy of this clone, without what is built and what is large. */
function scratchClone(): string {
  const folder = freshFolder();
  cpSync(root, folder, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function vitest(clone: string, ...files: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/vitest'), ['run', ...files], { cwd: clone, encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

test('a new plug-in of each family is in its table, and all pass their tests, and are formatted and typed as the rest', {
  timeout: 200_000,
}, () => {
  const clone = scratchClone();
  const made = [
    ['attack', 'attacks', 'my-attack', `import myAttack from './my-attack.ts';`],
    ['defense', 'defenses', 'my-defense', `import myDefense from './my-defense.ts';`],
    ['dataset', 'datasets', 'my-data', `import myData from './my-data.ts';`],
    ['architecture', 'models', 'my-network', `import myNetwork from './my-network.ts';`],
  ] as const;
  for (const [family, folder, name, row] of made) {
    expect(newCommand(family, name, clone)).toBe(0);
    expect(readFileSync(join(clone, folder, 'index.ts'), 'utf8')).toMatch(row);
    expect(readFileSync(join(clone, 'suites/schema.json'), 'utf8')).toContain(`"${name}"`);
  }
  // their own tests, and those that hold what every plug-in must come with
  const own = made.map(([, folder, name]) => `test/${folder}/${name}.test.ts`);
  const { code, output } = vitest(clone, ...own, 'test/contract/papers.test.ts', 'test/harness/suite/suite-schema.test.ts');
  expect(code, output).toBe(0);
  expect(output).toMatch(/Test Files .*6 passed/);
  const files = [...own, ...made.flatMap(([, folder, name]) => [`${folder}/${name}.ts`, `${folder}/index.ts`])];
  execFileSync(join(root, 'node_modules/.bin/biome'), ['check', ...files], { cwd: clone, stdio: 'pipe' });
  const types = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--noEmit'], { cwd: clone, encoding: 'utf8' });
  expect(types.stdout.split('\n').filter((line) => files.some((file) => line.startsWith(file)))).toEqual([]);
});

test('a row goes to the end of its list and its import among the others', () => {
  const table = `import a from './a.ts';\nimport z from './z.ts';\n\nexport const attacks: readonly AttackPlugin[] = [a, z];\n`;
  expect(withRow(table, 'my-own', 'attacks: readonly AttackPlugin[]')).toBe(
    `import a from './a.ts';\nimport myOwn from './my-own.ts';\nimport z from './z.ts';\n\nexport const attacks: readonly AttackPlugin[] = [a, z, myOwn];\n`,
  );
});

test('a list over several lines keeps its form', () => {
  const table = `import a from './a.ts';\n\nexport const attacks: readonly AttackPlugin[] = [\n  a,\n];\n`;
  expect(withRow(table, 'b', 'attacks: readonly AttackPlugin[]')).toBe(
    `import a from './a.ts';\nimport b from './b.ts';\n\nexport const attacks: readonly AttackPlugin[] = [\n  a,\n  b,\n];\n`,
  );
});

test('names become identifiers', () => {
  expect(identifier('my-2nd-attack')).toBe('my2ndAttack');
});

test('nothing is overwritten, and names and places that do not fit are refused', () => {
  const empty = freshFolder();
  expect(() => newCommand('attack', 'mine', empty)).toThrow('is no clone of Rampart: it has no attacks/index.ts');
  expect(() => newCommand('atack', 'mine', root)).toThrow('[new] expected attack, defense, dataset, architecture, got "atack"');
  expect(() => newCommand('attack', 'My Own', root)).toThrow('got "My Own"');
  const before = readFileSync(join(root, 'attacks/index.ts'), 'utf8');
  expect(() => newCommand('attack', 'pgd', root)).toThrow('[new] attacks/pgd.ts is there already');
  expect(readFileSync(join(root, 'attacks/index.ts'), 'utf8')).toBe(before);
  expect(existsSync(join(root, 'test/attacks/my-own.test.ts'))).toBe(false);
});
