/** Parameters that all APGD attacks share, with the defaults of the authors. */
import { z } from 'zod';
import type { NormName } from '../../../tensor/norms/index.ts';
import type { Passes } from '../../attack.ts';
import { apgdNorm, evaluations } from './norms.ts';

export const apgdParams = z.strictObject({
  iterations: z.number().int().min(1).default(100).describe('gradient steps per run'),
  restarts: z.number().int().min(1).default(1).describe('random starts; later ones only for examples still right'),
  rho: z.number().min(0).max(1).default(0.75).describe('the step is halved where a smaller share of the steps raised the loss'),
  eotIterations: z.number().int().min(1).default(1).describe('passes over which each gradient is averaged, for random classifiers'),
  largerEps: z.boolean().default(true).describe('L1 only: runs in balls of three, two and one times the radius'),
});
export type ApgdParams = z.infer<typeof apgdParams>;

/** Passes per example that stays robust: every stage looks at its last point too. */
export function apgdCost(params: ApgdParams, attempts: number, norm: NormName): Passes {
  const passes = attempts * evaluations(apgdNorm(norm).stages(params, 1)) * params.eotIterations;
  return { forward: passes, backward: passes };
}

export const apgdAverages = ({ eotIterations }: ApgdParams): boolean => eotIterations > 1;
