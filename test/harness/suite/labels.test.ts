/** What entries of a suite are called, what they refer to, and what images they are of. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { namesOf, trainedName } from '../../../harness/suite/names.ts';
import { modelLabels } from '../../../harness/suite/pairs.ts';
import { refusal, suiteWith } from '../suites.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const theirs = `{ name: theirs, weights: ${golden}, arch: resnet-tiny, mean: [0, 0, 0], std: [1, 1, 1] }`;
const suiteOf = async (changes: Record<string, string>) => (await suiteWith(changes)).suite;

test('a model names a data set by what it is called where several are of one plug-in', async () => {
  const datasets = 'datasets: [{ name: shapes, train: 300, test: 40 }, { name: shapes, seed: 1, train: 300, test: 40 }]';
  const named = (name: string) => ({ datasets, models: `models: [${theirs.replace('{', `{ dataset: ${name},`)}]` });
  const suite = await suiteOf(named('shapes seed=1'));
  expect(suite.datasets.map(({ label }) => label)).toEqual(['shapes', 'shapes seed=1']);
  expect(suite.models.map(({ dataset }) => dataset)).toEqual(['shapes seed=1']);
  expect(await refusal(named('shapes seed=2'))).toContain('did you mean "shapes seed=1"? known: shapes, shapes seed=1');
});

test('an entry is called by its label, else by its plug-in, with what was given where several are of one', async () => {
  const { attacks } = await suiteOf({
    attacks: `attacks:
  - fgsm
  - { name: pgd, n: 7 }
  - { name: pgd, steps: 3, stepSize: 0.0123456 }
  - { name: pgd, n: { from: 2, count: 5 }, loss: margin, norms: [Linf] }
  - { name: pgd, randomStart: false }
  - { name: pgd, label: mine, steps: 9 }
  - { name: cw, label: a }
  - { name: cw, label: b }
  - { name: mim, steps: 4 }
  - { name: mim, steps: 4, label: again }`,
  });
  expect(attacks.map((a) => a.label)).toEqual([
    'fgsm',
    'pgd n=7',
    'pgd steps=3 stepSize=0.01235',
    'pgd n=2..6 loss=margin',
    'pgd randomStart=false',
    'mine',
    'a',
    'b',
    'mim',
    'again',
  ]);
  expect(attacks.slice(1, 4).map(({ n }) => n)).toEqual([7, undefined, { from: 2, count: 5 }]);
});

test('models are named by what the suite has several of', async () => {
  const one = await suiteOf({});
  expect(trainedName(one, 'trades', 'cnn-small', 'shapes', 0)).toBe('trades');
  const many = await suiteOf({
    architectures: 'architectures: [cnn-small, resnet-tiny]',
    seeds: 'seeds: [3, 4]',
    datasets: 'datasets: [{ name: shapes, train: 300, test: 40 }, { name: shapes, label: more, train: 400, test: 40 }]',
    defenses: 'defenses: [{ name: standard, architectures: [resnet-tiny] }, { name: bit-depth, around: [standard] }]',
    models: `models: [${theirs.replace(' }', ', dataset: more }')}]`,
  });
  const names = ['shapes', 'more'].flatMap((data) => [3, 4].map((seed) => `standard resnet-tiny ${data} (seed ${seed})`));
  expect([...namesOf(many)]).toEqual([
    { name: 'theirs', path: ['models', 0, 'name'] },
    ...names.map((name) => ({ name, path: ['defenses', 0] })),
    ...names.map((name) => ({ name: `bit-depth on ${name}`, path: ['defenses', 1] })),
  ]);
  expect(modelLabels(many)).toEqual(['standard', 'bit-depth', 'theirs']);
});

test('a transfer attack names its sources, others have none', async () => {
  const { attacks } = await suiteOf({ attacks: 'attacks: [{ name: transfer, sources: [standard, trades] }, pgd]' });
  expect(attacks.map((a) => a.sources)).toEqual([['standard', 'trades'], []]);
});

test('a defense trains at its own threat and recipe, a wrapper around those that it names', async () => {
  const { defenses, recipe } = await suiteOf({
    defenses: `defenses:
  - standard
  - { name: trades, threat: { norm: L2, eps: 0.5 }, recipe: { epochs: 7 } }
  - { name: bit-depth, around: [trades] }
  - jpeg`,
  }).then((suite) => ({ ...suite, recipe: suite.defenses[0]?.trainings[0]?.recipe }));
  expect(defenses.map((d) => [d.kind, d.threat, d.around])).toEqual([
    ['training', { norm: 'Linf', eps: 8 / 255 }, []],
    ['training', { norm: 'L2', eps: 0.5 }, []],
    ['wrapper', { norm: 'Linf', eps: 8 / 255 }, ['trades']],
    ['wrapper', { norm: 'Linf', eps: 8 / 255 }, ['standard', 'trades']],
  ]);
  expect(defenses[1]?.trainings[0]?.recipe).toEqual({ ...recipe, epochs: 7 });
});

test.each<[string, Record<string, string>, string]>([
  [
    'a selection beyond the data set',
    { datasets: 'datasets: [{ name: cifar10, test: { from: 9999, count: 2 } }]', recipe: '' },
    'datasets[0].test: expected images of 0..9999, got 9999..10000',
  ],
  [
    'an attack on more images than are tested on',
    { attacks: 'attacks: [{ name: pgd, n: 41 }]' },
    'attacks[0].n: on data set shapes: expected at most 40, the number of test images, got 41',
  ],
  [
    'an attack on other images',
    { attacks: 'attacks: [{ name: pgd, n: { from: 39, count: 2 } }]' },
    "attacks[0].n: on data set shapes: expected images of the suite's test selection (0..39), got image 40",
  ],
  [
    'a trained defense around another',
    { defenses: 'defenses: [standard, { name: trades, around: [standard] }]' },
    'defenses[1].around: only a wrapper goes around others; trades is trained',
  ],
  [
    'a wrapper around what is not there',
    { defenses: 'defenses: [standard, { name: jpeg, around: [standerd] }]' },
    'defenses[1].around[0]: unknown trained defense "standerd"; did you mean "standard"? known: standard',
  ],
  [
    'a wrapper where nothing is trained',
    { defenses: 'defenses: [{ name: jpeg, around: [trades] }]', models: `models: [${theirs}]` },
    'unknown trained defense "trades"; known: none',
  ],
  [
    'a normalisation that there is and is not',
    { models: `models: [${theirs.replace(' }', ', normalization: none }')}]` },
    'models[0].normalization: says that there is none, but mean or std is given too',
  ],
  [
    'a normalisation of other channels',
    { models: `models: [${theirs.replace('[0, 0, 0]', '[0]')}]` },
    'models[0].mean: expected 3 numbers, one per channel, got 1',
  ],
  [
    'a number that no float32 holds',
    { attacks: 'attacks: [{ name: pgd, stepSize: 1.0e+39 }]' },
    'attacks[0].stepSize: expected at most 3.4028234663852886e+38, the largest float32, got 1e+39',
  ],
  [
    'a file of indices that is not there',
    { datasets: 'datasets: [{ name: shapes, test: { indices: nowhere.txt } }]' },
    'datasets[0].test.indices: ',
  ],
  [
    "a mistake in a defense's own recipe",
    { defenses: 'defenses: [standard, { name: trades, recipe: { epochz: 3 } }]' },
    'defenses[1].recipe.epochz: unknown key "epochz"; did you mean "epochs"?',
  ],
  [
    'an unknown data set of a model',
    { models: `models: [${theirs.replace(' }', ', dataset: shepes }')}]` },
    'models[0].dataset: unknown data set of this suite "shepes"; did you mean "shapes"? known: shapes',
  ],
])('%s is refused', async (_, changes, message) => {
  expect(await refusal(changes)).toContain(message);
});
