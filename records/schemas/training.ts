/** What a record says of how its model was trained: passes, epochs, cost, and how its parameters were chosen. */
import { z } from 'zod';

export const passesSchema = z.strictObject({ forward: z.number().nonnegative(), backward: z.number().nonnegative() });

export const epochSchema = z.strictObject({
  epoch: z.number().int(),
  learningRate: z.number(),
  loss: z.number(),
  /** Means over the epoch of the objective's named parts. */
  terms: z.record(z.string(), z.number()),
  trainAccuracy: z.number(),
  /** Accuracies on the validation split in [0,1]; absent when not measured this epoch. */
  validationClean: z.number().optional(),
  validationFgsm: z.number().optional(),
  validationPgd: z.number().optional(),
  wallMs: z.number(),
});

/** Of work, beside its wall time: how long the process was seen to stand still, stopped by a scheduler or in a machine that slept. Absent where it was not, in ms. */
export const suspendedSchema = z.number().nonnegative().optional();

/** What a training cost; all but memory summed over its steps. */
export const costSchema = z.strictObject({
  passes: passesSchema,
  optimizerSteps: z.number().int(),
  examples: z.number(),
  wallMs: z.number(),
  suspendedMs: suspendedSchema,
  imagesPerSecond: z.number(),
  /** The most that the process held; it did nothing else. */
  peakMemoryMb: z.number(),
  /** Where the wall time went. */
  split: z.strictObject({ craftMs: z.number(), updateMs: z.number(), validateMs: z.number(), dataMs: z.number() }),
});

/** Trials of a defense with several parameters, of which the best on the validation split was trained in full. */
export const tuningSchema = z.strictObject({
  /** Forward and backward passes per training image that all trials together might have had. */
  budget: z.number(),
  /** Place of the trial whose parameters were taken. */
  chosen: z.number().int().nonnegative(),
  trials: z.array(
    z.strictObject({
      key: z.string(),
      params: z.record(z.string(), z.unknown()),
      epochs: z.number().int(),
      passes: passesSchema,
      wallMs: z.number(),
      /** Accuracies in [0,1] of the weights that it kept. */
      validation: z.strictObject({ clean: z.number(), pgd: z.number() }),
    }),
  ),
});
