/** Suites in which another attack makes the examples that are transferred. */
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import { freshFolder } from '../folders.ts';
import { refusal } from '../suites.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const FIVE = `attacks:
  - { name: transfer, label: bb-fgsm, sources: [standard], attack: { name: fgsm } }
  - { name: transfer, label: bb-pgd20, sources: [standard], attack: { name: pgd, steps: 20, stepSize: 0.003, randomStart: false } }
  - { name: transfer, label: bb-pgd100, sources: [standard], attack: { name: pgd, steps: 100, stepSize: 0.003, randomStart: false } }
  - { name: transfer, label: bb-cw, sources: [standard], attack: { name: cw, steps: 10, randomStart: false } }
  - { name: transfer, label: bb-aa, sources: [standard], attack: { name: autoattack } }`;

test('the parameters of the attack that they name are read, defaults and all, and their passes planned', async () => {
  const { plan, suite } = await planFor({ attacks: FIVE });
  const [fgsm, pgd20] = suite.attacks;
  expect(fgsm?.ref).toMatchObject({ name: 'transfer', params: { sources: ['standard'], attack: { name: 'fgsm', decides: 'last' } } });
  expect(pgd20?.ref.params.attack).toEqual({
    name: 'pgd',
    decides: 'last',
    steps: 20,
    stepSize: 0.003,
    restarts: 1,
    randomStart: false,
    loss: 'ce',
    eotIterations: 1,
  });
  expect(pgd20?.ref.inner).toEqual({ name: 'pgd', version: 1 });
  const cells = plan.cells.filter((c) => c.label.startsWith('bb-'));
  expect(cells.map((c) => c.model.job.name)).toEqual(new Array(5).fill('trades'));
  expect(cells.slice(0, 4).map(({ work, n }) => [work.passes.forward / n, work.passes.backward / n])).toEqual([
    [3, 1],
    [22, 20],
    [102, 100],
    [12, 10],
  ]);
});

test.each([
  ['{ name: transfer, sources: [standard], attack: { name: pdg } }', 'attacks[0].attack.name: unknown attack "pdg"; did you mean "pgd"?'],
  [
    '{ name: transfer, sources: [standard], attack: { name: pgd, stpes: 3 } }',
    'attacks[0].attack.stpes: unknown key "stpes"; did you mean "steps"?',
  ],
  ['{ name: transfer, sources: [standard], attack: { name: pgd, steps: 0 } }', 'attacks[0].attack.steps: expected at least 1, got 0'],
  ['{ name: transfer, sources: [standard], attack: pgd }', 'attacks[0].attack: expected keys with values, got "pgd"'],
  ['{ name: transfer, sources: [standard], steps: 3, attack: { name: pgd } }', 'attacks[0].steps: expected steps inside of attack'],
  [
    '{ name: transfer, sources: [standard], attack: { name: transfer, sources: [trades] } }',
    'expected an attack that makes its own examples, got "transfer"',
  ],
  ['{ name: transfer, sources: [standard], attack: { name: rays } , norms: [L2] }', 'transfer has no norm L2, it has Linf'],
])('%s is refused', async (entry, message) => {
  const threats = 'threats: [{ norm: Linf, eps: 0.03 }, { norm: L2, eps: 0.5 }]';
  expect(await refusal({ attacks: `attacks: [${entry}]`, threats })).toContain(message);
});

test('cells have the version of that attack in their key', async () => {
  const attacks = 'attacks: [{ name: transfer, sources: [standard], attack: { name: fgsm } }]';
  const { plan } = await planFor({ attacks });
  const cell = plan.cells.find((c) => c.label === 'transfer');
  const job = () =>
    cell?.job(
      () => 'w',
      () => 'k',
    );
  const before = job();
  const inner = before?.attack.plugin.inner as { version: number };
  inner.version = 2;
  expect(job()?.key).not.toBe(before?.key);
});

test('a run makes them on the source alone', { timeout: 100_000 }, async () => {
  const { run } = await inProcess(new FolderStore(freshFolder()), {
    ...TINY,
    recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 20 }',
    defenses: 'defenses: [standard, { name: standard, label: other, recipe: { learningRate: 0.01 } }]',
    attacks: 'attacks: [{ name: transfer, sources: [other], attack: { name: pgd, steps: 2, randomStart: false }, models: [standard] }]',
  });
  const { records, failed } = await run();
  expect(failed).toEqual([]);
  const cell = records.find((r) => r.kind === 'cell' && r.attack.label === 'transfer');
  if (cell?.kind !== 'cell') throw new Error('no cell of transfer');
  expect(cell.attack).toMatchObject({ access: 'transfer', params: { attack: { name: 'pgd', steps: 2, decides: 'last' } } });
  const attacked = cell.passes.backward / 2;
  expect(cell.passes).toEqual({ forward: 4 * attacked, backward: 2 * attacked });
});
