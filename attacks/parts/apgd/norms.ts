/** What APGD does in each norm: Croce and Hein 2020 (arXiv 2003.01690), and 2021 (arXiv 2103.01208) for L1. */
import { atNorm, type ByNorm, type NormName, normsIn } from '../../../tensor/norms/index.ts';
import { ontoBall } from '../../../tensor/norms/l1.ts';
import { L2 } from '../../../tensor/norms/l2.ts';
import { Linf } from '../../../tensor/norms/linf.ts';
import type { Norm } from '../../../tensor/norms/norm.ts';
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { HalvingSchedule, type Schedule, SparseSchedule } from './schedule.ts';
import { cubeStep, type StepInput, sparseStep, sphereStep } from './step.ts';

export interface ApgdOptions {
  readonly iterations: number;
  readonly rho: number;
  readonly eotIterations: number;
  /** L1: three runs one after the other, in balls of three, two and one times the radius. */
  readonly largerEps: boolean;
}

/** A part of a run with its own radius; only what the last one finds counts. */
export interface Stage {
  readonly eps: number;
  readonly iterations: number;
}

export interface ApgdNorm {
  /** Length of the first step, in radii. */
  readonly firstStep: number;
  /** Whether its schedule asks how many coordinates have moved. */
  readonly sparse: boolean;
  stages(options: Pick<ApgdOptions, 'iterations' | 'largerEps'>, eps: number): Stage[];
  /** For images of `size` coordinates; `warm` when the start is the end of another run. */
  schedule(stage: { iterations: number; rho: number }, size: number, warm: boolean): Schedule;
  /** `d` numbers to make a start from. */
  noise(d: number, rng: Rng): Float32Array;
  /** The start around `x` that `noise` makes, both `[k,h,w,c]`, in the ball of radius `eps` and the box; `staged` when larger radii come first. The caller owns it. */
  start(x: tf.Tensor4D, noise: tf.Tensor4D, eps: number, staged: boolean): tf.Tensor4D;
  /** The next points, in the box and the ball. The caller owns them. */
  step(input: StepInput): tf.Tensor4D;
}

/** Halving steps with inertia, from a point of the sphere. */
function dense(norm: Norm, step: (input: StepInput) => tf.Tensor4D): ApgdNorm {
  return {
    firstStep: 2,
    sparse: false,
    stages: ({ iterations }, eps) => [{ eps, iterations }],
    schedule: ({ iterations, rho }) => new HalvingSchedule(iterations, rho),
    noise: norm.onSphere,
    start: (x, noise, eps) => tf.tidy(() => tf.clipByValue(x.add(noise.mul(eps)), 0, 1)),
    step,
  };
}

const sparse: ApgdNorm = {
  firstStep: 1,
  sparse: true,
  stages({ iterations, largerEps }, eps) {
    if (!largerEps) return [{ eps, iterations }];
    const part = Math.ceil(0.3 * iterations);
    return [
      { eps: 3 * eps, iterations: part },
      { eps: 2 * eps, iterations: part },
      { eps, iterations: Math.max(iterations - 2 * part, 0) },
    ];
  },
  schedule: ({ iterations }, size, warm) => new SparseSchedule(iterations, size, warm),
  noise: (d, rng) => rng.normal(d),
  start: (x, noise, eps, staged) =>
    tf.tidy(() => {
      // a cold start is cut from the noise itself, as the authors do: rounding leaves some coordinates an ulp beside the image, and these count as moved
      const drawn = x.add(noise) as tf.Tensor4D;
      return ontoBall(drawn, x, staged ? drawn.sub(x) : noise, tf.fill([x.shape[0], 1], eps));
    }),
  step: sparseStep,
};

export const APGD = {
  Linf: dense(Linf, cubeStep),
  L2: dense(L2, sphereStep),
  L1: sparse,
} satisfies ByNorm<ApgdNorm>;

export const APGD_NORMS = normsIn(APGD);

export const apgdNorm = (norm: NormName): ApgdNorm => atNorm(APGD, norm, 'apgd');

/** Evaluations of a run through all these stages. */
export const evaluations = (stages: readonly Stage[]) => stages.reduce((sum, s) => sum + s.iterations + 1, 0);
