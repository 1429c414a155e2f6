/** Parameters that all APGD attacks share, with the defaults of the authors. */
import { z } from 'zod';
import type { Passes } from '../../attack.ts';

export const apgdParams = z.strictObject({
  iterations: z.number().int().min(1).default(100).describe('gradient steps per run'),
  restarts: z.number().int().min(1).default(1).describe('random starts; later ones only for examples still right'),
  rho: z.number().min(0).max(1).default(0.75).describe('the step is halved where a smaller share of the steps raised the loss'),
  eotIterations: z.number().int().min(1).default(1).describe('passes over which each gradient is averaged, for random classifiers'),
  largerEps: z.boolean().default(true).describe('L1 only: runs in balls of three, two and one times the radius'),
});
export type ApgdParams = z.infer<typeof apgdParams>;

/** Passes per example that stays robust, in a norm other than L1 (three more of each kind there, when it has three stages). */
export function apgdCost({ iterations, eotIterations }: ApgdParams, attempts: number): Passes {
  const passes = attempts * (iterations + 1) * eotIterations;
  return { forward: passes, backward: passes };
}

export const apgdAverages = ({ eotIterations }: ApgdParams): boolean => eotIterations > 1;
