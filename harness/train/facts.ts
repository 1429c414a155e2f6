/** What is counted and remembered over a training, as plain data that a checkpoint can hold. */
import type { Passes } from '../../attacks/attack.ts';
import type { Epoch, ModelRecord } from '../../records/record.ts';

export type Cost = Omit<ModelRecord['cost'], 'peakMemoryMb'>;

/** What a checkpoint holds beside tensors. */
export interface Facts {
  /** Whether it is of the helper, which some defenses train first. */
  helper: boolean;
  epochs: Epoch[];
  best?: { epoch: number; score: [number, number] };
  passes: Passes;
  optimizerSteps: number;
  examples: number;
  wallMs: number;
  split: { craftMs: number; updateMs: number; validateMs: number; dataMs: number };
  averageUpdates: number;
  stopped: boolean;
  /** What the helper's training cost. */
  helperCost?: Cost;
}

/** Before the first epoch. */
export const newFacts = (helper: boolean, helperCost?: Cost): Facts => ({
  helper,
  helperCost,
  epochs: [],
  passes: { forward: 0, backward: 0 },
  optimizerSteps: 0,
  examples: 0,
  wallMs: 0,
  split: { craftMs: 0, updateMs: 0, validateMs: 0, dataMs: 0 },
  averageUpdates: 0,
  stopped: false,
});

/** Of this training and its helper's together; images and images per second are those of this one. */
export function totalCost({ passes, optimizerSteps, examples, wallMs, split, helperCost: h }: Facts): Cost {
  const own = { passes, optimizerSteps, examples, wallMs, imagesPerSecond: (1000 * examples) / (wallMs - split.validateMs), split };
  if (!h) return own;
  const time = (key: keyof Facts['split']) => split[key] + h.split[key];
  return {
    ...own,
    passes: { forward: passes.forward + h.passes.forward, backward: passes.backward + h.passes.backward },
    optimizerSteps: optimizerSteps + h.optimizerSteps,
    wallMs: wallMs + h.wallMs,
    split: { craftMs: time('craftMs'), updateMs: time('updateMs'), validateMs: time('validateMs'), dataMs: time('dataMs') },
  };
}
