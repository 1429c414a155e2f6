/** Which epochs of a training are models of a suite: the best one on validation, the final one, or both of one training. */
import { z } from 'zod';
import { distinct } from './limits.ts';
import type { Recipe } from './recipe.ts';

const CHECKPOINTS = ['best', 'last'] as const;

/** An epoch whose weights are a model: `best` has the highest validation accuracy, `last` is the final one. */
export type CheckpointName = (typeof CHECKPOINTS)[number];

export const checkpointsSchema = distinct(z.enum(CHECKPOINTS), CHECKPOINTS.length)
  .min(1)
  .optional()
  .describe(
    'Epochs whose weights are models of their own: `[best, last]` are two of one training, the second named `NAME (last)`; `[best]` unless given, or as recipe.keep says',
  );

/** Names of the models of a training; the second is there where it gives two. */
export const lastName = (name: string): string => `${name} (last)`;

/** What is asked for, best first, and the recipe of the first of them. Throws nothing: `problem` is told of what does not go together. */
export function withCheckpoints(
  asked: readonly CheckpointName[] | undefined,
  recipe: Recipe,
  problem: (message: string) => void,
): { checkpoints: readonly CheckpointName[]; recipe: Recipe } {
  if (!asked) return { checkpoints: [recipe.keep], recipe };
  const checkpoints = CHECKPOINTS.filter((name) => asked.includes(name));
  if (checkpoints.includes('best') && recipe.keep === 'last')
    problem('best contradicts recipe.keep, which is last: leave out one of the two');
  if (checkpoints.length === 2 && recipe.validation === 0)
    problem('the best epoch is chosen on validation images, and recipe.validation is 0: both would be the last one');
  return { checkpoints, recipe: { ...recipe, keep: checkpoints[0] as CheckpointName } };
}
