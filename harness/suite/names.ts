/** The models of a suite: which epochs of a training are some, and what a plan calls them, known before anything is loaded. */
import { CHECKPOINTS, type Recipe } from './recipe.ts';
import type { Suite, SuiteDefense } from './suite.ts';

/** Architecture, data set and seed are named where the suite has several. */
export function trainedName(suite: Suite, label: string, arch: string, dataset: string, seed: number): string {
  const suffix = [
    suite.architectures.length > 1 ? ` ${arch}` : '',
    suite.datasets.length > 1 ? ` ${dataset}` : '',
    suite.seeds.length > 1 ? ` (seed ${seed})` : '',
  ];
  return label + suffix.join('');
}

/** Of the model of the final epoch, where its training gives one of the best epoch too. */
export const lastName = (name: string): string => `${name} (last)`;

/** Of the model of the same training ended after a part of its epochs. */
export const partName = (name: string, until: number): string => `${name} (${Number((100 * until).toFixed(1))} %)`;

/** Of a model that is trained to choose the parameters of another. */
export const trialName = (name: string, given: string): string => `${name} (trial ${given})`;

export const wrappedName = (label: string, base: string): string => `${label} on ${base}`;

/** The parts of a training at whose ends a curve has a model of its own; the end of all is the model that is there without it. */
export const partsOf = ({ points }: NonNullable<Suite['curve']>): number[] =>
  Array.from({ length: points - 1 }, (_, i) => (i + 1) / points);

/** Labels by which a suite may name the models of a defense: its own stands for all of them. */
export const modelLabelsOf = ({ label, checkpoints }: Pick<SuiteDefense, 'label' | 'checkpoints'>): string[] =>
  checkpoints.length > 1 ? [label, lastName(label)] : [label];

/** Every model with the place in the suite that it comes from. */
export function* namesOf(suite: Suite): Generator<{ name: string; path: (string | number)[] }> {
  for (const [i, { name }] of suite.models.entries()) yield { name, path: ['models', i, 'name'] };
  const trainings = (defense: SuiteDefense) =>
    defense.trainings.flatMap(({ dataset, architecture }) =>
      suite.seeds.map((seed) => trainedName(suite, defense.label, architecture, dataset, seed)),
    );
  /** Of each checkpoint that `asked` names: all of them by the label of the defense. */
  const checkpoints = (defense: SuiteDefense, asked: readonly string[] = [defense.label]) => {
    const both = defense.checkpoints.length > 1;
    return trainings(defense).flatMap((name) => [
      ...(asked.includes(defense.label) ? [name] : []),
      ...(both && modelLabelsOf(defense).some((label) => asked.includes(label)) ? [lastName(name)] : []),
    ]);
  };
  const points = (defense: SuiteDefense) => {
    const parts = suite.curve ? partsOf(suite.curve) : [];
    return trainings(defense).flatMap((name) => parts.map((until) => partName(name, until)));
  };
  for (const [i, defense] of suite.defenses.entries()) {
    const path = ['defenses', i];
    if (defense.kind === 'training') for (const name of [...checkpoints(defense), ...points(defense)]) yield { name, path };
    else
      for (const base of suite.defenses.filter((d) => d.kind === 'training'))
        for (const name of checkpoints(base, defense.around)) yield { name: wrappedName(defense.label, name), path };
  }
}

/** The epochs that are asked for, best first, and the recipe of the first of them; `problem` is told of what does not go together. */
export function withCheckpoints(
  asked: readonly Recipe['keep'][] | undefined,
  recipe: Recipe,
  problem: (message: string) => void,
): { checkpoints: readonly Recipe['keep'][]; recipe: Recipe } {
  if (!asked) return { checkpoints: [recipe.keep], recipe };
  const checkpoints = CHECKPOINTS.filter((name) => asked.includes(name));
  if (checkpoints.includes('best') && recipe.keep === 'last')
    problem('best contradicts recipe.keep, which is last: leave out one of the two');
  if (checkpoints.length === 2 && recipe.validation === 0)
    problem('the best epoch is chosen on validation images, and recipe.validation is 0: both would be the last one');
  return { checkpoints, recipe: { ...recipe, keep: checkpoints[0] ?? recipe.keep } };
}
