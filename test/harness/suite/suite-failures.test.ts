import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadSuite } from '../../../harness/suite/read.ts';
import { freshFolder } from '../folders.ts';
import { refusal, suiteWith } from '../suites.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const script = fileURLToPath(new URL('../../golden/torchscript/traced.pt', import.meta.url));

test('an unknown key is named with its line and the nearest right one', async () => {
  expect(await refusal({ seeds: 'sedes: [1]' })).toMatch('small.yml:10: sedes: unknown key "sedes"; did you mean "seeds"?');
});

test('an unknown parameter of a plug-in is named with those it has', async () => {
  expect(await refusal({ attacks: 'attacks:\n  - fgsm\n  - { name: pgd, stpes: 3 }' })).toMatch(
    /small\.yml:10: attacks\[1\]\.stpes: unknown key "stpes"; did you mean "steps"\? known: steps, stepSize, /,
  );
});

test('an unknown key deep in the recipe is named with those of its place', async () => {
  expect(await refusal({ recipe: 'recipe: { schedule: { kind: piecewise, factr: 2 } }' })).toMatch(
    'small.yml:6: recipe.schedule.factr: unknown key "factr"; did you mean "factor"?',
  );
});

test('a wrong type says what was expected and what is there', async () => {
  expect(await refusal({ datasets: 'datasets: [{ name: shapes, train: many }]' })).toMatch(
    'small.yml:3: datasets[0].train: expected a number or keys with values, got "many"',
  );
});

test('a wrong type in the parameters of a plug-in says so', async () => {
  expect(await refusal({ defenses: 'defenses: [{ name: trades, beta: lots }]' })).toMatch(
    'small.yml:7: defenses[0].beta: expected a number, got "lots"',
  );
});

test('a radius below zero is refused with its path', async () => {
  expect(await refusal({ threats: 'threats: [{ norm: Linf, eps: -0.1 }]' })).toMatch(
    'small.yml:4: threats[0].eps: expected at least 0, got -0.1',
  );
});

test('a wrong word is refused with the nearest right one', async () => {
  expect(await refusal({ threats: 'threats: [{ norm: Linv, eps: 0.1 }]' })).toMatch(
    'threats[0].norm: expected one of "Linf", "L2", "L1", "L0", "L0-pixels", "patch", got "Linv"; did you mean "Linf"?',
  );
  expect(await refusal({ recipe: 'recipe: { schedule: { kind: one-cicle } }' })).toMatch(
    /recipe\.schedule\.kind: expected one of "constant", .*, got "one-cicle"; did you mean "one-cycle"\?/,
  );
});

test('a missing part is named', async () => {
  expect(await refusal({ threats: '' })).toMatch('threats: is missing, expected a list');
});

test('unknown plug-ins and architectures are refused with the nearest name', async () => {
  const message = await refusal({
    datasets: 'datasets: [shaeps]',
    architectures: 'architectures: [resnet-tinny]',
    defenses: 'defenses: [trads]',
    attacks: 'attacks: [pdg]',
  });
  expect(message).toMatch('[suite] 4 problems');
  for (const name of ['shapes', 'resnet-tiny', 'trades', 'pgd']) expect(message).toMatch(`did you mean "${name}"?`);
});

test('an attack without a norm of the suite is refused with the way out', async () => {
  expect(await refusal({ threats: 'threats: [{ norm: Linf, eps: 0.1 }, { norm: L1, eps: 5 }]', attacks: 'attacks: [pgd]' })).toMatch(
    'small.yml:8: attacks[0]: pgd has no norm L1, it has Linf, L2; add norms: [Linf]',
  );
});

test('a defense that cannot train for the norm is refused', async () => {
  expect(await refusal({ threats: 'threats: [{ norm: L2, eps: 0.5 }]', defenses: 'defenses: [fgsm-rs]' })).toMatch(
    'defenses[0]: fgsm-rs cannot train for L2, it has Linf',
  );
});

test('a defense on top of another one is refused where its base cannot train', async () => {
  const l2 = 'threats: [{ norm: L2, eps: 0.5 }]';
  expect(await refusal({ threats: l2, defenses: 'defenses: [{ name: awp, base: fgsm-rs }]' })).toMatch(
    'defenses[0]: awp cannot train for L2, it has Linf',
  );
  await expect(suiteWith({ threats: l2, defenses: 'defenses: [{ name: awp, base: trades }]' })).resolves.toBeDefined();
});

test('a transfer source that is not in the suite is refused with the nearest model', async () => {
  expect(await refusal({ attacks: 'attacks: [{ name: transfer, sources: [standart] }]' })).toMatch(
    'attacks[0].sources: transfer source: unknown model of this suite "standart"; did you mean "standard"?',
  );
});

test('the same entry twice is refused', async () => {
  expect(await refusal({ attacks: 'attacks: [pgd, pgd]' })).toMatch('attacks[1]: "pgd" is there twice; give one of them a label');
});

test('a training set that the validation split uses up is refused', async () => {
  expect(await refusal({ datasets: 'datasets: [{ name: shapes, train: 100 }]', recipe: 'recipe: { validation: 90 }' })).toMatch(
    'datasets[0].train: 100 images are fewer than recipe.validation (90)',
  );
});

test('a suite without models is refused', async () => {
  expect(await refusal({ defenses: '' })).toMatch('there is nothing to attack');
});

test('broken YAML is refused with its line', async () => {
  expect(await refusal({ title: 'title: [Small' })).toMatch(/\[suite\] not valid YAML: small\.yml:\d+: /);
});

test('a fraction over zero is refused with its line', async () => {
  expect(await refusal({ threats: 'threats: [{ norm: Linf, eps: 8/0 }]' })).toMatch('small.yml:4: 8/0 divides by zero');
});

test('weights that are not there are refused', async () => {
  expect(await refusal({ models: 'models: [{ name: m, weights: gone.safetensors, arch: cnn-small }]' })).toMatch(
    /small\.yml:10: models\[0\]\.weights: no such file: .*gone\.safetensors/,
  );
});

test('weights of another architecture are refused with the entries that do not fit', async () => {
  const message = await refusal({ models: `models: [{ name: m, weights: ${golden}, arch: cnn-small }]` });
  expect(message).toMatch('models[0].weights: [model cnn-small]');
  expect(message).toMatch(/does not fit: .*conv1\.weight is \[16, 16, 3, 3\], expected \[16, 3, 3, 3\].*; and \d+ more/);
  expect(message).toMatch('its names are those of resnet-tiny');
});

test('a weights file that is cut off is refused with the byte where it ends', async () => {
  const cut = join(freshFolder(), 'cut.safetensors');
  writeFileSync(cut, readFileSync(golden).subarray(0, 100_000));
  expect(await refusal({ models: `models: [{ name: m, weights: ${cut}, arch: resnet-tiny }]` })).toMatch(
    /models\[0\]\.weights: \[weights\] .*cut\.safetensors: ends at byte 100000, but .* needs \d+: truncated/,
  );
});

test.each([
  ['gone.pt', '', /models\[0\]\.torchscript: no such file: .*gone\.pt/],
  [
    golden,
    '',
    /models\[0\]\.torchscript: .*model\.safetensors is no TorchScript module \(safetensors\); .* goes under weights, with its arch/,
  ],
  [script, ', arch: resnet-tiny', /models\[0\]\.arch: goes with weights, and this model has torchscript/],
])('%s%s as a TorchScript module is refused', async (file, more, message) => {
  expect(await refusal({ models: `models: [{ name: m, torchscript: ${file}${more} }]` })).toMatch(message);
});

test('weights and a TorchScript module that fit are taken', async () => {
  await expect(refusal({ models: `models: [{ name: m, weights: ${golden}, arch: resnet-tiny }]` })).rejects.toThrow('the suite was taken');
  await expect(refusal({ models: `models: [{ name: m, torchscript: ${script} }]` })).rejects.toThrow('the suite was taken');
});

test('a suite file that is not there is named', async () => {
  await expect(loadSuite('gone.yml')).rejects.toThrow('[suite] gone.yml cannot be read: ENOENT');
});

test('an architecture of a defense that the suite lacks is refused', async () => {
  expect(await refusal({ defenses: 'defenses: [{ name: trades, architectures: [cnn-smal] }]' })).toMatch(
    /defenses\[0\]\.architectures\[0\]: unknown architecture of this suite "cnn-smal"; did you mean "cnn-small"\?/,
  );
});

test('an attack on a model that the suite lacks is refused', async () => {
  expect(await refusal({ attacks: 'attacks: [{ name: fgsm, models: [tradse] }]' })).toMatch(
    /attacks\[0\]\.models: unknown model of this suite "tradse"; did you mean "trades"\?/,
  );
});
