/** What is counted and remembered over a training, as plain data that a checkpoint can hold. */
import { z } from 'zod';
import { epochSchema, passesSchema, costSchema as recordedCost } from '../../records/record.ts';
import { pointSchema } from './points.ts';
import type { StepLog } from './step.ts';

const costSchema = recordedCost.omit({ peakMemoryMb: true });

export type Cost = z.infer<typeof costSchema>;

/** What a checkpoint holds beside tensors. */
export const factsSchema = z.strictObject({
  /** Whether it is of the helper, which some defenses train first. */
  helper: z.boolean(),
  epochs: z.array(epochSchema),
  best: z.strictObject({ epoch: z.int().nonnegative(), score: z.tuple([z.number(), z.number()]) }).optional(),
  passes: passesSchema,
  optimizerSteps: z.int().nonnegative(),
  examples: z.int().nonnegative(),
  wallMs: z.number(),
  /** Beside that. */
  suspendedMs: z.number().nonnegative().default(0),
  split: costSchema.shape.split,
  averageUpdates: z.int().nonnegative(),
  stopped: z.boolean(),
  /** What the helper's training cost. */
  helperCost: costSchema.optional(),
  /** The same training ended earlier, where that was asked for. */
  points: z.array(pointSchema).default([]),
});

export type Facts = z.infer<typeof factsSchema>;

/** Before the first epoch. */
export const newFacts = (helper: boolean, helperCost?: Cost): Facts => ({
  helper,
  helperCost,
  epochs: [],
  passes: { forward: 0, backward: 0 },
  optimizerSteps: 0,
  examples: 0,
  wallMs: 0,
  suspendedMs: 0,
  split: { craftMs: 0, updateMs: 0, validateMs: 0, dataMs: 0 },
  averageUpdates: 0,
  stopped: false,
  points: [],
});

/** Over the examples of one epoch. */
export interface Sums {
  examples: number;
  loss: number;
  correct: number;
  terms: Record<string, number>;
}

/** Adds the log of one step on `examples` examples. */
export function add(sums: Sums, log: StepLog, examples: number): void {
  sums.examples += examples;
  sums.loss += log.loss * examples;
  sums.correct += log.correct;
  for (const [name, value] of Object.entries(log.terms)) sums.terms[name] = (sums.terms[name] ?? 0) + value * examples;
}

/** Of this training and its helper's together; images and images per second are those of this one. */
export function totalCost({ passes, optimizerSteps, examples, wallMs, suspendedMs, split, helperCost: h }: Facts): Cost {
  const own = { passes, optimizerSteps, examples, wallMs, imagesPerSecond: (1000 * examples) / (wallMs - split.validateMs), split };
  const suspended = suspendedMs + (h?.suspendedMs ?? 0);
  const beside = suspended > 0 && { suspendedMs: suspended };
  if (!h) return { ...own, ...beside };
  const time = (key: keyof Facts['split']) => split[key] + h.split[key];
  return {
    ...own,
    passes: { forward: passes.forward + h.passes.forward, backward: passes.backward + h.passes.backward },
    optimizerSteps: optimizerSteps + h.optimizerSteps,
    wallMs: wallMs + h.wallMs,
    ...beside,
    split: { craftMs: time('craftMs'), updateMs: time('updateMs'), validateMs: time('validateMs'), dataMs: time('dataMs') },
  };
}
