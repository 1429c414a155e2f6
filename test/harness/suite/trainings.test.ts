/** Which pairs of data set and architecture a defense is trained on, and whose changes to a recipe go before whose. */
import { expect, test } from 'vitest';
import { planFor } from '../run/plans.ts';
import { refusal, suiteWith } from '../suites.ts';

const TWO = {
  datasets: 'datasets: [{ name: shapes, label: big, train: 300, test: 40 }, { name: shapes, label: small, train: 200, test: 40 }]',
  architectures: 'architectures: [cnn-small, resnet-tiny]',
};

const trainingsOf = async (changes: Record<string, string>) =>
  (await suiteWith({ ...TWO, ...changes })).suite.defenses.map((d) => d.trainings);

test('the recipe of a pair is that of the suite, then of its data set, its architecture, the defense, and the defense in it', async () => {
  const [trainings = []] = await trainingsOf({
    recipe: 'recipe: { epochs: 1, batchSize: 2, momentum: 0.1, weightDecay: 0.1, learningRate: 0.1, validation: 0 }',
    datasets:
      'datasets: [{ name: shapes, label: big, train: 300, test: 40 }, { name: shapes, label: small, train: 200, test: 40, recipe: { epochs: 2, batchSize: 3, momentum: 0.2, weightDecay: 0.2, learningRate: 0.2 } }]',
    defenses:
      'defenses: [{ name: standard, recipe: { momentum: 0.4, learningRate: 0.4 }, recipes: { resnet_tiny: { learningRate: 0.5 } } }]'.replace(
        'resnet_tiny',
        'resnet-tiny',
      ),
    recipes: 'recipes: { resnet-tiny: { batchSize: 4, momentum: 0.3, weightDecay: 0.3, learningRate: 0.3 } }',
  });
  const shown = trainings.map(({ dataset, architecture, recipe: r }) => [
    dataset,
    architecture,
    r.epochs,
    r.batchSize,
    r.weightDecay,
    r.momentum,
    r.learningRate,
  ]);
  expect(shown).toEqual([
    ['big', 'cnn-small', 1, 2, 0.1, 0.4, 0.4],
    ['big', 'resnet-tiny', 1, 4, 0.3, 0.4, 0.5],
    ['small', 'cnn-small', 2, 3, 0.2, 0.4, 0.4],
    ['small', 'resnet-tiny', 2, 4, 0.3, 0.4, 0.5],
  ]);
});

test('a data set is trained in the architectures that it names, of those that the defense names', async () => {
  const found = await trainingsOf({
    datasets:
      'datasets: [{ name: shapes, label: big, train: 300, test: 40, architectures: [resnet-tiny] }, { name: shapes, label: small, train: 200, test: 40 }]',
    defenses: 'defenses: [standard, { name: trades, architectures: [cnn-small] }]',
  });
  expect(found.map((trainings) => trainings.map(({ dataset, architecture }) => `${dataset} ${architecture}`))).toEqual([
    ['big resnet-tiny', 'small cnn-small', 'small resnet-tiny'],
    ['small cnn-small'],
  ]);
});

test('a plan has those pairs with their recipes, and no others', async () => {
  const { plan } = await planFor({
    datasets: 'datasets: [{ name: shapes, train: 300, test: 40 }]',
    architectures: TWO.architectures,
    recipes: 'recipes: { resnet-tiny: { epochs: 9 } }',
    defenses: 'defenses: [standard, { name: trades, architectures: [cnn-small] }]',
    attacks: 'attacks: [fgsm]',
  });
  const trained = plan.models.map(({ job }) => [job.name, job.origin.by === 'training' && job.origin.recipe.epochs]);
  expect(trained.map(([name]) => name)).toEqual(['standard cnn-small', 'trades cnn-small', 'standard resnet-tiny']);
  expect(trained.at(-1)?.[1]).toBe(9);
});

test('an architecture that cannot take the images of a data set is refused only where it is trained on them', async () => {
  const of = (names: string) => ({
    datasets: `datasets: [{ name: mnist, train: 300, test: 40, architectures: [${names}] }, { name: cifar10, train: 300, test: 40 }]`,
    architectures: 'architectures: [cnn-small, vit-small-cifar patch=32]',
  });
  expect((await suiteWith(of('cnn-small'))).suite.defenses[0]?.trainings).toHaveLength(3);
  expect(await refusal(of('cnn-small, vit-small-cifar patch=32'))).toMatch(/architectures\[1\]: on mnist: /);
});

test.each([
  [
    'an architecture that is none',
    { defenses: 'defenses: [{ name: standard, recipes: { resnet-tinny: { epochs: 1 } } }]' },
    /defenses\[0\]\.recipes\.resnet-tinny: unknown architecture "resnet-tinny"; did you mean "resnet-tiny"/,
  ],
  [
    'a data set in an architecture that the suite lacks',
    { datasets: 'datasets: [{ name: shapes, train: 300, test: 40, architectures: [resnet-18] }]' },
    /datasets\[0\]\.architectures\[0\]: unknown architecture of this suite "resnet-18"/,
  ],
  [
    'a key that recipes lack, of a data set',
    { datasets: 'datasets: [{ name: shapes, train: 300, test: 40, recipe: { epochz: 1 } }]' },
    /datasets\[0\]\.recipe\.epochz: unknown key "epochz"; did you mean "epochs"\?/,
  ],
  [
    'a value that is none, of an architecture',
    { recipes: 'recipes: { cnn-small: { epochs: many } }' },
    /recipes\.cnn-small\.epochs: expected a number, got "many"/,
  ],
])('%s is refused, once', async (_what, changes, message) => {
  const text = await refusal(changes as Record<string, string>);
  expect(text).toMatch(message);
  expect(text.split('\n')).toHaveLength(1);
});
