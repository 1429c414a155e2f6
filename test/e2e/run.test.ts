import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { isInBall } from '../../records/record.ts';
import { filesBelow, put, rampart, started, workFolder } from './cli.ts';

const golden = fileURLToPath(new URL('../golden/model.safetensors', import.meta.url));

/** A trained model, a wrapper around it, a pretrained one, a security curve and a transfer attack. */
const SUITE = `
name: whole
title: Whole <path>
datasets: [{ name: shapes, train: 160, test: 24 }]
threats: [{ norm: Linf, eps: [0, 4/255, 255/255], main: 4/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 16, batchSize: 32 }
defenses: [standard, bit-depth]
models: [{ name: borrowed, weights: ${golden}, arch: resnet-tiny, title: From elsewhere, extraData: true }]
attacks:
  - { name: pgd, steps: 4, n: 12 }
  - { name: transfer, sources: [borrowed], steps: 2, n: 12 }
  - { name: feature-pgd, steps: 4, restarts: 1, guides: 6, n: 12 }
engine: { name: wasm }
keepExamples: 3
`;

test('a whole run: records, examples, site, table, and the site again', { timeout: 200_000 }, async () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', SUITE);
  const out = join(folder, 'out');
  const run = started('run', suite, '--out', out, '--workers', '2');
  const { code, output } = await run.ended;
  expect(code, output).toBe(0);
  expect(run.alive()).toBe(false);
  expect(output).toMatch('left out: transfer on borrowed: it would transfer from itself');
  expect(output).toMatch(/^model +rank +clean +.*worst case/m);

  const records = await new FolderStore(out).records();
  const models = records.filter((r) => r.kind === 'model');
  const cells = records.filter(isInBall);
  const model = (name: string) => models.find((m) => m.name === name);
  expect(models.map((m) => [m.name, m.defense.kind]).sort()).toEqual([
    ['bit-depth on standard', 'wrapper'],
    ['borrowed', 'pretrained'],
    ['standard', 'training'],
  ]);
  expect(model('bit-depth on standard')?.wraps).toBe(model('standard')?.key);
  expect(model('bit-depth on standard')?.weightsHash).toBe(model('standard')?.weightsHash);
  expect(model('borrowed')?.extraData).toBe(true);
  expect(model('borrowed')?.arch.parameters).toBe(78_042);
  // the weights of a pretrained model are kept with the run, byte for byte
  expect(await new FolderStore(out).artifact(model('borrowed')?.weightsHash ?? '')).toEqual(readFileSync(golden));

  // 3 clean cells; pgd and feature-pgd on 3 models and transfer on 2, at three radii each
  expect(cells.length).toBe(3 + 9 + 9 + 6);
  for (const cell of cells) {
    expect(cell.outcomes.robust.length).toBe(cell.n);
    expect(cell.n).toBe(cell.attack.name === 'clean' ? 24 : 12);
    expect(cell.accuracy).toBe([...cell.outcomes.robust].filter((c) => c === '1').length / cell.n);
  }
  // radius 0 changes nothing, a radius of the whole box breaks everything that a gradient finds, and a curve never rises
  for (const name of ['standard', 'borrowed', 'bit-depth on standard']) {
    const of = (attack: string, eps: number) =>
      cells.find((c) => c.model.name === name && c.attack.name === attack && Math.abs(c.threat.eps - eps) < 1e-9)?.outcomes.robust ?? '';
    const clean = cells.find((c) => c.model.name === name && c.attack.name === 'clean')?.outcomes.robust ?? '';
    expect(of('pgd', 0)).toBe(clean.slice(0, 12));
    for (let i = 0; i < 12; i++) {
      expect(Number(of('pgd', 4 / 255)[i])).toBeLessThanOrEqual(Number(of('pgd', 0)[i]));
      expect(Number(of('pgd', 1)[i])).toBeLessThanOrEqual(Number(of('pgd', 4 / 255)[i]));
    }
  }

  const files = filesBelow(out);
  expect(files.filter((f) => f.endsWith('.examples.safetensors')).length).toBeGreaterThan(0);
  expect(files.filter((f) => /checkpoint|\.tmp/.test(f))).toEqual([]);
  const page = readFileSync(join(out, 'site/index.html'), 'utf8');
  expect(page).toMatch('Whole &lt;path&gt;');

  // everything is there: no page is written
  const written = statSync(join(out, 'site/index.html')).ino;
  const nothing = rampart('run', suite, '--out', out, '--workers', '2');
  expect(nothing).toMatchObject({ code: 0, output: expect.stringContaining('30 of 30 jobs were there already') });
  expect(statSync(join(out, 'site/index.html')).ino).toBe(written);

  const again = rampart('report', out, '--out', join(folder, 'site'));
  expect(again.code, again.output).toBe(0);
  expect(readFileSync(join(folder, 'site/index.html'), 'utf8')).toBe(page);
});

test('a renamed defense keeps its record and is shown under its new name', { timeout: 100_000 }, async () => {
  const folder = workFolder();
  const out = join(folder, 'out');
  const text = SUITE.replace(/models:.*\n/, '')
    .replace(/ {2}- \{ name: transfer.*\n/, '')
    .replace(', bit-depth', '')
    .replace(/eps: \[.*main: 4\/255/, 'eps: 4/255');
  expect(rampart('run', put(folder, 'one.yml', text), '--out', out)).toMatchObject({ code: 0 });
  const renamed = rampart(
    'run',
    put(folder, 'two.yml', text.replace('[standard]', '[{ name: standard, label: undefended }]')),
    '--out',
    out,
  );
  expect(renamed.output).toMatch('4 of 4 jobs were there already');
  expect(renamed.output).toMatch(/^undefended /m);
  expect((await new FolderStore(out).records()).filter((r) => r.kind === 'model').map((m) => m.name)).toEqual(['standard']);
});
