/** Looking at a stranger's suite executes nothing of theirs. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { isOwn, projectOf } from '../../cli/trust.ts';
import { freshFolder } from '../harness/folders.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Where the plug-in says that it was executed. */
let trace: string;
/** The project that the user stands in, and a folder of someone else. */
let project: string;
let stranger: string;

const PLUGIN = (file: string) => `import { writeFileSync } from 'node:fs';
import { defineAttack, tf } from 'rampart';
import { z } from 'zod';
writeFileSync(${JSON.stringify(file)}, 'executed');
export default defineAttack({
  name: 'mine', title: 'Mine', paper: '', version: 1, access: 'scores', norms: ['Linf'], params: z.strictObject({ steps: z.number().default(1) }),
  cost: () => ({ forward: 1, backward: 0 }),
  create: () => ({ perturb: async (batch) => batch.x.clone() }),
});
`;

const SUITE = (plugin: string, attacks = '[fgsm, { name: mine, steps: 3 }]') => `name: small
datasets: [{ name: shapes, train: 120, test: 16 }]
threats: [{ norm: Linf, eps: 4/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 16, batchSize: 32 }
defenses: [standard]
plugins: [${plugin}]
attacks: ${attacks}
`;

function put(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** Runs a command in the project. */
function run(...args: string[]): { code: number | null; output: string; executed: boolean } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: project, encoding: 'utf8' });
  return { code: status, output: stdout + stderr, executed: existsSync(trace) };
}

beforeEach(() => {
  trace = join(freshFolder(), 'trace');
  project = realpathSync(freshFolder());
  stranger = realpathSync(freshFolder());
  put(project, 'package.json', '{}');
});

test.each(['validate', 'plan'])(
  '%s lists a plug-in from outside of the project, executes nothing, and says what was not checked',
  (command) => {
    const plugin = put(stranger, 'mine.mjs', PLUGIN(trace));
    const { code, output, executed } = run(command, put(stranger, 'suite.yml', SUITE('./mine.mjs')));
    expect(executed).toBe(false);
    expect(output).toMatch('would execute plug-ins from outside of this project; they were not loaded:');
    expect(output).toMatch(`\n  ${plugin}\n`);
    expect(output).toMatch('not checked: attack mine\n');
    expect(code).toBe(1);
  },
);

test('what can be checked without the plug-in is, with exit code 2', () => {
  put(stranger, 'mine.mjs', PLUGIN(trace));
  const { code, output, executed } = run('validate', put(stranger, 'suite.yml', SUITE('./mine.mjs', '[{ name: pgd, stpes: 3 }, mine]')));
  expect({ code, executed }).toEqual({ code: 2, executed: false });
  expect(output).toMatch('suite.yml:8: attacks[0].stpes: unknown key "stpes"; did you mean "steps"?');
});

test('JSON says that it is not known whether the suite is valid', () => {
  const plugin = put(stranger, 'mine.mjs', PLUGIN(trace));
  const { output } = run('validate', put(stranger, 'suite.yml', SUITE('./mine.mjs')), '--json');
  expect(JSON.parse(output)).toEqual({ valid: null, notLoaded: [plugin], notChecked: ['attack mine'] });
});

test('--trust loads it, and its parameters are checked', () => {
  put(stranger, 'mine.mjs', PLUGIN(trace));
  expect(run('validate', put(stranger, 'suite.yml', SUITE('./mine.mjs')), '--trust')).toMatchObject({ code: 0, executed: true });
  const wrong = run('validate', put(stranger, 'wrong.yml', SUITE('./mine.mjs', '[{ name: mine, stpes: 3 }]')), '--trust');
  expect(wrong).toMatchObject({ code: 2, output: expect.stringMatching('did you mean "steps"') });
});

test('a plug-in of the project is loaded unasked, also from below a folder of the project', () => {
  mkdirSync(join(project, 'plugins'));
  put(join(project, 'plugins'), 'mine.mjs', PLUGIN(trace));
  expect(run('validate', put(project, 'suite.yml', SUITE('./plugins/mine.mjs')))).toMatchObject({ code: 0, executed: true });
});

test('a link in the project to a plug-in outside of it is not of the project', () => {
  symlinkSync(put(stranger, 'mine.mjs', PLUGIN(trace)), join(project, 'mine.mjs'));
  expect(run('validate', put(project, 'suite.yml', SUITE('./mine.mjs')))).toMatchObject({ code: 1, executed: false });
  symlinkSync(stranger, join(project, 'folder'));
  expect(run('validate', put(project, 'other.yml', SUITE('./folder/mine.mjs')))).toMatchObject({ code: 1, executed: false });
});

test('a plug-in that is not there is a mistake of the suite', () => {
  expect(run('validate', put(stranger, 'suite.yml', SUITE('./gone.mjs')))).toMatchObject({
    code: 2,
    output: expect.stringMatching(/suite\.yml:\d+: plugins\[0\]: \[plugin\] .*gone\.mjs cannot be read: ENOENT/),
  });
});

test('defenses and data sets of plug-ins that were not loaded are named, and fit whatever is around them', () => {
  const plugin = put(stranger, 'mine.mjs', PLUGIN(trace));
  const text = SUITE(plugin, '[fgsm]')
    .replace('[standard]', '[standard, { name: shield, label: s, around: [standard], strength: 3 }, { name: jpeg, around: [s] }]')
    .replace('{ name: shapes, train: 120, test: 16 }', '{ name: pictures, train: 120, test: 16, root: x }');
  expect(run('validate', put(stranger, 'suite.yml', text)).output).toMatch('not checked: data set pictures, defense shield\n');
});

test("the project is the nearest folder with a package.json, or the current folder, and never one that holds what is not the user's", () => {
  mkdirSync(join(project, 'a/b'), { recursive: true });
  expect(projectOf(join(project, 'a/b'))).toBe(project);
  expect(projectOf(stranger)).toBe(stranger);
  for (const wide of ['/', homedir(), tmpdir()]) {
    expect(projectOf(wide)).toBeUndefined();
    expect(isOwn(join(project, 'package.json'), wide)).toBe(false);
  }
  // a name that starts like the project's is not below it
  const inner = join(stranger, 'p');
  mkdirSync(inner);
  put(inner, 'package.json', '{}');
  put(stranger, 'p-x', '');
  expect(isOwn(join(stranger, 'p-x'), inner)).toBe(false);
});
