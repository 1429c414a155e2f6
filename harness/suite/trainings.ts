/** What a suite trains: each defense on the data sets and in the architectures that it is for, with the recipe of that pair, and the trials of what it leaves to be chosen. */
import type { z } from 'zod';
import type { DefensePlugin } from '../../defenses/defense.ts';
import { combinations, type DefenseKeys, type Entry, parsedParams } from './entries.ts';
import { withCheckpoints } from './names.ts';
import { type Recipe, recipeSchema } from './recipe.ts';
import type { PluginRef, Registry } from './registry.ts';
import { type Path, type Problem, problemsOf } from './source/problems.ts';
import type { Suite, SuiteDefense, Training } from './suite.ts';

/** Changes to a recipe, and where in the suite they stand. */
export interface Layer {
  readonly path: Path;
  readonly changes: Record<string, unknown> | undefined;
}

/** Changes by architecture, as `recipes` has them, by canonical name. */
export type ByArchitecture = ReadonlyMap<string, Layer>;

/** A data set of the suite as training sees it. */
export interface TrainingData {
  readonly label: string;
  /** Canonical names; all of the suite when absent. */
  readonly architectures?: readonly string[];
  readonly recipe: Layer;
}

export interface TrainingsSetup {
  readonly datasets: readonly TrainingData[];
  /** Those of the suite that the defense is trained in. */
  readonly architectures: readonly string[];
  /** Of the suite. */
  readonly recipe: Layer;
  readonly recipes: ByArchitecture;
  readonly defense: { readonly recipe: Layer; readonly recipes: ByArchitecture };
  readonly checkpoints: readonly Recipe['keep'][] | undefined;
  /** Told of each problem for every pair that has it. */
  readonly problem: (problem: Problem) => void;
  readonly checkpointsProblem: (message: string) => void;
  readonly keysOf: (schema: z.ZodType, path: Path) => string[];
}

/** The trainings of a defense, a data set at a time, and the epochs that each gives. */
export function trainingsOf(setup: TrainingsSetup): Pick<SuiteDefense, 'trainings' | 'checkpoints'> {
  const layersFor = (data: TrainingData | undefined, architecture: string): Layer[] =>
    [setup.recipe, data?.recipe, setup.recipes.get(architecture), setup.defense.recipe, setup.defense.recipes.get(architecture)].filter(
      (layer) => layer?.changes !== undefined,
    ) as Layer[];
  const resolved = (data: TrainingData | undefined, architecture: string) =>
    withCheckpoints(setup.checkpoints, recipeOf(layersFor(data, architecture), setup.keysOf, setup.problem), setup.checkpointsProblem);
  const trainings: Training[] = [];
  for (const data of setup.datasets)
    for (const architecture of setup.architectures.filter((name) => data.architectures?.includes(name) ?? true))
      trainings.push({ dataset: data.label, architecture, recipe: resolved(data, architecture).recipe });
  return { trainings, checkpoints: resolved(setup.datasets[0], setup.architectures[0] ?? '').checkpoints };
}

/** The recipe that the layers make, a later one before an earlier one, key by key; what is wrong is a problem of the layer that says it. */
function recipeOf(layers: readonly Layer[], keysOf: TrainingsSetup['keysOf'], problem: (problem: Problem) => void): Recipe {
  const merged = Object.assign({}, ...layers.map(({ changes }) => changes)) as Record<string, unknown>;
  const parsed = recipeSchema.safeParse(merged);
  if (parsed.success) return parsed.data;
  for (const { path, message } of problemsOf(parsed.error.issues, merged, [], (at) => keysOf(recipeSchema, at))) {
    const said = layers.findLast(({ changes }) => Object.hasOwn(changes ?? {}, path[0] ?? ''));
    problem({ path: [...(said?.path ?? []), ...path], message });
  }
  return recipeSchema.parse({});
}

type Tune = NonNullable<SuiteDefense['tune']>;

/** Every combination of the values listed under `tune` with the other parameters of the entry, and what does not fit the plug-in. */
export function tuneOf(
  { entry, plugin, path }: { entry: Entry; plugin: DefensePlugin; path: Path },
  registry: Registry,
  reserved: readonly string[],
): { tune?: Tune; problems: readonly Problem[] } {
  const { tune } = entry as DefenseKeys;
  if (!tune) return { problems: [] };
  const at = [...path, 'tune'];
  if (plugin.kind !== 'training')
    return { problems: [{ path: at, message: `only a training is tuned; ${plugin.name} is put around others` }] };
  const given = Object.fromEntries(Object.entries(entry).filter(([key]) => !reserved.includes(key)));
  const twice = Object.keys(tune).find((key) => Object.hasOwn(given, key));
  if (twice !== undefined) return { problems: [{ path: [...at, twice], message: `is given beside tune: leave out one of the two` }] };
  const all = combinations(tune).map(({ values, given: text }) => ({
    text,
    ...parsedParams(plugin.params, { ...given, ...values }, at, ['budget']),
  }));
  if (all.length < 2) return { problems: [{ path: at, message: 'expected at least two values of a parameter to choose from' }] };
  const candidates = all.flatMap(({ text, data }) => (data ? [{ ref: registry.ref(plugin, data), given: text }] : []));
  return { tune: { budget: tune.budget, candidates }, problems: all.find(({ problems }) => problems.length > 0)?.problems ?? [] };
}

/** How many epochs a trial has: those that its equal share of the budget pays for, at most those of the recipe. */
export function trialEpochs({ budget, candidates }: Tune, ref: PluginRef, recipe: Recipe, registry: Registry): number {
  const plugin = registry.defense(ref.name);
  const { forward, backward } = plugin.kind === 'training' ? plugin.cost(ref.params) : { forward: 0, backward: 0 };
  return Math.min(recipe.epochs, Math.floor(budget / candidates.length / (forward + backward)));
}

/** Unequal budgets, shares that pay for no epoch, and trials that nothing could be chosen by. */
export function tuneProblems(suite: Suite, registry: Registry): Problem[] {
  const tuned = suite.defenses.flatMap(({ label, tune, trainings }, i) =>
    tune ? [{ label, tune, trainings, path: ['defenses', i, 'tune'] }] : [],
  );
  const [first] = tuned;
  return tuned.flatMap(({ tune, trainings, path }): Problem[] => {
    if (first && tune.budget !== first.tune.budget)
      return [
        { path: [...path, 'budget'], message: `expected ${first.tune.budget}, the budget of ${first.label}: all are tuned on equal terms` },
      ];
    if (trainings.some(({ recipe }) => recipe.validation === 0))
      return [{ path, message: 'the best trial is chosen on validation images, and recipe.validation is 0' }];
    const short = trainings.flatMap(({ recipe }) => tune.candidates.filter(({ ref }) => trialEpochs(tune, ref, recipe, registry) < 1));
    if (!short[0]) return [];
    const share = Number((tune.budget / tune.candidates.length).toPrecision(4));
    return [
      {
        path: [...path, 'budget'],
        message: `${share} passes for each of ${tune.candidates.length} trials are less than an epoch of ${short[0].given} takes`,
      },
    ];
  });
}
