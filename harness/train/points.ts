/** Models of the same training ended earlier: what would be kept after a part of its epochs, noted as it goes by. */
import { z } from 'zod';
import type { Entry } from '../../models/safetensors.ts';
import { costSchema, flagSchema } from '../../records/record.ts';
import type { Recipe } from '../suite/recipe.ts';

/** A training that ended after the part `until` of its epochs, as a checkpoint of a longer one holds it. */
export const pointSchema = z.strictObject({
  until: z.number(),
  weightsHash: z.string(),
  /** How many there were. */
  epochs: z.int().min(1),
  bestEpoch: z.int().nonnegative().optional(),
  cost: costSchema.omit({ peakMemoryMb: true }),
  flags: z.array(flagSchema),
});

export type Point = z.infer<typeof pointSchema>;

/** Which points are wanted, and where their weights go: `put` resolves with their hash. */
export interface WantedPoints {
  /** Parts of the epochs, in (0,1). */
  readonly at: readonly number[];
  put(weights: ReadonlyMap<string, Entry>): Promise<string>;
}

/** How many of `epochs` a training does that ends after the part `until`. */
export const epochsUntil = ({ until = 1 }: Pick<Recipe, 'until'>, epochs: number): number => Math.max(1, Math.round(until * epochs));

/** The points of `at` that are reached after `done` of `epochs`, and were not `noted` before; all others too once training has `stopped` early. */
export function pointsDue(at: readonly number[], noted: readonly Point[], done: number, epochs: number, stopped: boolean): number[] {
  const known = new Set(noted.map(({ until }) => until));
  return at.filter((until) => !known.has(until) && (stopped || epochsUntil({ until }, epochs) === done));
}
