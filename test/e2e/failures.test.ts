import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { mountProblem, smallDisk } from '../harness/folders.ts';
import { filesBelow, put, rampart, started, workFolder } from './cli.ts';

const problem = mountProblem();

/** An attack whose `perturb` does what `body` says. */
const attackFile = (name: string, body: string) => `import { defineAttack, tf } from 'rampart';
import { z } from 'zod';
export default defineAttack({
  name: '${name}', title: '${name}', paper: '', version: 1, access: 'scores', norms: ['Linf'],
  params: z.strictObject({}),
  cost: () => ({ forward: 1, backward: 0 }),
  create: () => ({ async perturb(batch, target, threat) { ${body} } }),
});
`;

const BAD: Record<string, string> = {
  throws: `throw new TypeError('no such layer');`,
  leaves: `return tf.tidy(() => tf.clipByValue(batch.x.add(3 * threat.eps), 0, 1));`,
  dies: `process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined);`,
  exits: `console.error('lost the device'); process.exit(7);`,
  hoards: `new ArrayBuffer(2 ** 52); return batch.x.clone();`,
};

const suiteText = (more: string) => `
name: failures
title: Failures
datasets: [{ name: shapes, train: 120, test: 16 }]
threats: [{ norm: Linf, eps: 4/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 16, batchSize: 32 }
defenses: [standard]
engine: { name: wasm }
${more}
`;

test('attacks that throw, cheat, die or want too much memory cost their own cell; the run goes on and says which', {
  timeout: 200_000,
}, async () => {
  const folder = workFolder();
  const names = Object.keys(BAD);
  for (const name of names) put(folder, `${name}.mjs`, attackFile(name, BAD[name] as string));
  const plugins = `plugins: [${names.map((n) => `./${n}.mjs`).join(', ')}]\nattacks: [fgsm, ${names.join(', ')}]`;
  const suite = put(folder, 'suite.yml', suiteText(plugins));
  const out = join(folder, 'out');
  const run = started('run', suite, '--out', out);
  const { code, output } = await run.ended;
  expect(code, output).toBe(1);
  expect(run.alive()).toBe(false);
  const cells = (await new FolderStore(out).records()).filter((r) => r.kind === 'cell');
  const errors = Object.fromEntries(cells.map((c) => [c.attack.name, c.error]));
  expect(errors.fgsm).toBeUndefined();
  expect(errors.throws?.kind).toBe('error');
  expect(errors.throws?.message).toMatch(/^TypeError: no such layer \(at throws\.mjs:\d+\)$/);
  expect(errors.leaves?.kind).toBe('budget');
  expect(errors.leaves?.message).toMatch(/^\[attack leaves\] example \d+: expected Linf distance <= 0\.0156\d+, got 0\.04\d+$/);
  expect(errors.dies).toEqual({ kind: 'killed', message: 'the worker was killed by SIGKILL' });
  expect(errors.exits).toEqual({ kind: 'killed', message: 'the worker ended with exit code 7 and no result; it said: lost the device' });
  expect(errors.hoards?.kind).toBe('memory');
  expect(errors.hoards?.message).toMatch(/allocation failed/i);
  for (const name of names) expect(output).toMatch(`failed ${name} Linf 4/255 on standard: `);
  expect(filesBelow(join(out, 'site'))).toContain('index.html');
});

test('a defense that throws fails its model and what needs it, with its reason', { timeout: 100_000 }, async () => {
  const folder = workFolder();
  put(
    folder,
    'broken.mjs',
    `import { defineDefense } from 'rampart';
import { z } from 'zod';
export default defineDefense({
  name: 'broken', title: 'Broken', paper: '', version: 1, kind: 'training', params: z.strictObject({}),
  cost: () => ({ forward: 1, backward: 1 }),
  create: () => ({ craft: async () => ({}), objective() { throw new RangeError('beta is 0'); } }),
});
`,
  );
  const suite = put(folder, 'suite.yml', suiteText('plugins: [./broken.mjs]\nattacks: [fgsm]').replace('[standard]', '[standard, broken]'));
  const { code, output } = rampart('run', suite, '--out', join(folder, 'out'));
  expect(code, output).toBe(1);
  expect(output).toMatch(/failed train broken: RangeError: beta is 0 \(at broken\.mjs:\d+\)/);
  expect(output).toMatch(/failed fgsm Linf 4\/255 on broken: model broken failed: RangeError: beta is 0/);
  expect(output).not.toMatch(/failed.*on standard/);
});

test('a truncated data file stops the run before anything runs, with file and byte', () => {
  const folder = workFolder();
  const data = join(folder, 'cifar-10-batches-bin');
  mkdirSync(data);
  for (const name of ['data_batch_1.bin', 'test_batch.bin']) writeFileSync(join(data, name), new Uint8Array(3073 * 500));
  const suite = put(folder, 'suite.yml', suiteText('attacks: [fgsm]').replace('name: shapes', 'name: cifar10'));
  const { code, output } = rampart('run', suite, '--data', folder, '--out', join(folder, 'out'), '--no-download');
  expect(code, output).toBe(2);
  expect(output).toMatch(/data_batch_1\.bin is truncated: it ends at byte 1536500, expected 30730000/);
  expect(filesBelow(join(folder, 'out'))).toEqual([]);
});

test('a bad suite is refused with exit code 2 and its line', () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', suiteText('attacks: [{ name: pgd, stesp: 3 }]'));
  const { code, output } = rampart('run', suite, '--out', join(folder, 'out'));
  expect(code).toBe(2);
  expect(output).toMatch('suite.yml:10: attacks[0].stesp: unknown key "stesp"; did you mean "steps"?');
  expect(filesBelow(join(folder, 'out'))).toEqual([]);
});

test('an engine that is not known is refused with exit code 2', () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', suiteText('attacks: [fgsm]'));
  const { code, output } = rampart('run', suite, '--out', join(folder, 'out'), '--engine', 'wsam');
  expect(code).toBe(2);
  expect(output).toMatch('unknown engine "wsam"; did you mean "wasm"?');
});

test.skipIf(problem)(
  `a full disk ends the run with the reason and what to do${problem ? ` (${problem})` : ''}`,
  { timeout: 100_000 },
  () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', suiteText('attacks: [fgsm]'));
    const { code, output } = rampart('run', suite, '--out', join(smallDisk(100), 'out'));
    expect(code, output).toBe(1);
    expect(output).toMatch(
      /error \[store\] cannot write .* \(\d+ bytes\): no space left on the disk \(ENOSPC\); free some space and run again/,
    );
  },
);

test.skipIf(problem)(`a read-only output folder is refused with exit code 2${problem ? ` (${problem})` : ''}`, () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', suiteText('attacks: [fgsm]'));
  const disk = smallDisk(100, true);
  const { code, output } = rampart('run', suite, '--out', join(disk, 'out'));
  expect(code, output).toBe(2);
  expect(output).toMatch(
    `cannot write to the output folder ${join(disk, 'out')}: the folder is on a read-only file system (EROFS); choose a folder`,
  );
});
