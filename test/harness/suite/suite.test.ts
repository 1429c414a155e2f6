import { expect, test } from 'vitest';
import { suiteFile } from '../../../cli/options.ts';
import { defenses } from '../../../defenses/index.ts';
import { loadSuite } from '../../../harness/suite/read.ts';
import { suiteWith } from '../suites.ts';

test('fractions are numbers wherever they stand', async () => {
  const { suite } = await suiteWith({
    threats: 'threats: [{ norm: Linf, eps: [2/255, 8 / 255] }]',
    attacks: 'attacks: [{ name: pgd, stepSize: 1/510 }]',
  });
  expect(suite.threats[0]?.radii).toEqual([2 / 255, 8 / 255]);
  expect(suite.attacks[0]?.ref.params.stepSize).toBe(1 / 510);
});

test('a quoted fraction stays text', async () => {
  const { suite } = await suiteWith({ title: 'title: "8/255"' });
  expect(suite.title).toBe('8/255');
});

test('parameters that are not given take the default of the plug-in', async () => {
  const { suite } = await suiteWith({ attacks: 'attacks: [pgd]' });
  expect(suite.attacks[0]?.ref.params).toMatchObject({ steps: 20, restarts: 1, loss: 'ce' });
});

test('radii grow, and models train at the largest unless main says otherwise', async () => {
  const { suite: largest } = await suiteWith({ threats: 'threats: [{ norm: L2, eps: [1, 0.5, 0.25] }]' });
  expect(largest.threats[0]).toEqual({ norm: 'L2', radii: [0.25, 0.5, 1], main: 1 });
  const { suite: main } = await suiteWith({ threats: 'threats: [{ norm: L2, eps: [1, 0.5], main: 0.5 }]' });
  expect(main.defenses[0]?.threat).toEqual({ norm: 'L2', eps: 0.5 });
});

test('entries of one plug-in are told apart by the parameters that were given', async () => {
  const { suite } = await suiteWith({ defenses: 'defenses: [trades, { name: trades, beta: 3 }, { name: trades, beta: 1, label: weak }]' });
  expect(suite.defenses.map((d) => d.label)).toEqual(['trades', 'trades beta=3', 'weak']);
});

test("a defense's own recipe changes that of the suite and keeps the rest", async () => {
  const { suite } = await suiteWith({ defenses: 'defenses: [standard, { name: trades, recipe: { epochs: 5 } }]' });
  expect(suite.defenses.map((d) => [d.trainings[0]?.recipe.epochs, d.trainings[0]?.recipe.batchSize])).toEqual([
    [2, 64],
    [5, 64],
  ]);
});

test('a wrapper goes around every trained defense unless it says which', async () => {
  const { suite } = await suiteWith({ defenses: 'defenses: [standard, trades, jpeg, { name: jpeg, label: j, around: [trades] }]' });
  expect(suite.defenses.map((d) => d.around)).toEqual([[], [], ['standard', 'trades'], ['trades']]);
});

test('an attack runs in the norms of the suite unless it says which', async () => {
  const { suite } = await suiteWith({
    threats: 'threats: [{ norm: Linf, eps: 0.1 }, { norm: L1, eps: 5 }]',
    attacks: 'attacks: [noise, { name: pgd, norms: [Linf] }]',
  });
  expect(suite.attacks.map((a) => a.norms)).toEqual([['Linf', 'L1'], ['Linf']]);
});

for (const name of ['quick', 'cifar10-smoke', 'cifar10-mini'])
  test(`suites/${name}.yml is valid and trains four defenses`, async () => {
    const { suite } = await loadSuite(suiteFile(name));
    expect(suite.name).toBe(name);
    expect(suite.defenses.length).toBeGreaterThanOrEqual(4);
  });

test('suites/fashion-mnist.yml trains every defense that trains, at three seeds, and every attack sees the same images', async () => {
  const { suite } = await loadSuite(suiteFile('fashion-mnist'));
  const training = defenses.filter((d) => d.kind === 'training').map((d) => d.name);
  expect(suite.defenses.map((d) => d.ref.name)).toEqual(expect.arrayContaining(training));
  expect(suite.seeds).toEqual([0, 1, 2]);
  expect(suite.attacks.flatMap(({ n }) => n ?? [])).toEqual([]);
});
