/** The rates of MOREL's final protocol, by network and method, as its scripts have them; and that the small suite has its shape. */
import { expect, test } from 'vitest';
import { suiteFile } from '../../../cli/options.ts';
import { loadSuite } from '../../../harness/suite/read.ts';
import { learningRateAt } from '../../../harness/suite/recipe.ts';

const { suite: paper } = await loadSuite(suiteFile('morel-paper'));
const { suite: mini } = await loadSuite(suiteFile('morel-mini'));

const recipeOf = (label: string, dataset: string, architecture: string) => {
  const defense = paper.defenses.find((d) => d.label === label);
  const training = defense?.trainings.find((t) => t.dataset === dataset && t.architecture === architecture);
  if (!training) throw new Error(`${label} is not trained in ${architecture} on ${dataset}`);
  return training.recipe;
};

/** Rates of every epoch, counted from 1, at which they change. */
function drops(label: string, architecture: string): [epoch: number, rate: number][] {
  const recipe = recipeOf(label, 'cifar10', architecture);
  const rates = Array.from({ length: recipe.epochs }, (_, i) => Number(learningRateAt(recipe, i * 10, recipe.epochs * 10).toPrecision(6)));
  return rates.flatMap((rate, i) => (rate === rates[i - 1] ? [] : [[i + 1, rate] as [number, number]]));
}

test.each([
  [
    'trades',
    'resnet-18',
    [
      [1, 0.01],
      [76, 0.001],
      [91, 1e-4],
    ],
  ],
  [
    'mart',
    'wrn-34-10',
    [
      [1, 0.1],
      [76, 0.001],
      [91, 1e-5],
    ],
  ],
  [
    'loat',
    'vit-small-cifar',
    [
      [1, 1e-4],
      [26, 1e-5],
    ],
  ],
  [
    'morel-l',
    'resnet-18',
    [
      [1, 0.001],
      [75, 1e-4],
      [90, 1e-5],
    ],
  ],
  [
    'morel-t',
    'wrn-34-10',
    [
      [1, 0.01],
      [75, 1e-4],
      [90, 1e-6],
    ],
  ],
  [
    'morel-m',
    'vit-small-cifar',
    [
      [1, 1e-4],
      [25, 1e-5],
    ],
  ],
])('%s in %s has its rates', (label, architecture, want) => expect(drops(label as string, architecture as string)).toEqual(want));

test.each([
  ['trades', 'resnet-18', { optimizer: 'sgd', epochs: 100, batchSize: 128, weightDecay: 2e-4, momentum: 0.9 }],
  ['loat', 'wrn-34-10', { optimizer: 'sgd', epochs: 100, batchSize: 128, weightDecay: 2e-4 }],
  ['mart', 'vit-small-cifar', { optimizer: 'adamw', epochs: 50, batchSize: 128, weightDecay: 0.05, betas: [0.9, 0.999] }],
  ['morel-l', 'wrn-34-10', { optimizer: 'sgd', epochs: 100, batchSize: 8, weightDecay: 1e-4 }],
  ['morel-l', 'vit-small-cifar', { optimizer: 'adamw', epochs: 50, batchSize: 8, weightDecay: 0.05 }],
])('%s in %s has its optimizer, epochs, batch and decay', (label, architecture, want) =>
  expect(recipeOf(label, 'cifar100', architecture)).toMatchObject(want),
);

test('nothing is normalised; Tiny-ImageNet is flipped alone, and has no transformer and no Wide ResNet', () => {
  const trainings = paper.defenses.flatMap((d) => d.trainings);
  expect(new Set(trainings.map(({ recipe }) => recipe.normalize))).toEqual(new Set(['none']));
  const on = (dataset: string) => trainings.filter((t) => t.dataset === dataset);
  expect(new Set(on('tiny-imagenet').map(({ recipe }) => recipe.augment))).toEqual(new Set(['flip']));
  expect(new Set(on('tiny-imagenet').map(({ architecture }) => architecture))).toEqual(new Set(['resnet-18', 'resnet-50']));
  expect(new Set(on('cifar10').map(({ recipe }) => recipe.augment))).toEqual(new Set(['crop-flip']));
});

test('both checkpoints are attacked, the source of the black box in its last one', () => {
  const checkpoints = Object.fromEntries(paper.defenses.map((d) => [d.label, d.checkpoints]));
  expect(checkpoints['standard-resnet-50']).toEqual(['last']);
  expect(checkpoints['morel-l']).toEqual(['best', 'last']);
});

test('LOAT counts ten classes under MOREL and those of the data set alone', () => {
  const params = Object.fromEntries(paper.defenses.map((d) => [d.label, d.ref.params as Record<string, unknown>]));
  expect(params['morel-l']?.params).toEqual({ last: 100, classes: 10 });
  expect(params.loat).toMatchObject({ last: 100, variant: 'LORE_v1', form: 'mse', theta: 1, beta: 6 });
  expect(params.loat).not.toHaveProperty('classes');
});

test('the small suite has the methods, attacks and checkpoints of the whole one', () => {
  const shape = (suite: typeof paper) => ({
    methods: suite.defenses.map((d) => [d.ref.name, d.checkpoints]),
    attacks: suite.attacks.map((a) => [a.label, a.ref.params]),
    threats: suite.threats,
    seeds: suite.seeds,
  });
  const renamed = JSON.parse(JSON.stringify(shape(paper)).replaceAll('standard-resnet-50', 'standard'));
  expect(JSON.parse(JSON.stringify(shape(mini)))).toEqual(renamed);
});
