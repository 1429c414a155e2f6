/** What a suite trains: each defense on the data sets and in the architectures that it is for, with the recipe of that pair. */
import type { z } from 'zod';
import { withCheckpoints } from './names.ts';
import { type Recipe, recipeSchema } from './recipe.ts';
import { type Path, type Problem, problemsOf } from './source/problems.ts';
import type { SuiteDefense, Training } from './suite.ts';

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
