/** FAB over a queue of examples, as AutoAttack runs it: a point counts once it errs within the budget, Croce and Hein 2020 (arXiv 1907.02044). */
import { z } from 'zod';
import { atNorm, type NormName } from '../../../tensor/norms/index.ts';
import { L2 } from '../../../tensor/norms/l2.ts';
import { Linf } from '../../../tensor/norms/linf.ts';
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Target, Threat } from '../../attack.ts';
import { Attempts, type Find, type Pass } from '../search/attempts.ts';
import { predictedClasses, turn } from '../search/finds.ts';
import { drawn } from '../start.ts';
import { Boundary, type FabSteps, type Stepped } from './boundary.ts';
import type { HyperplaneNorm } from './hyperplane.ts';

export const fabParams = z.strictObject({
  iterations: z.number().int().min(1).default(100).describe('steps per run'),
  restarts: z.number().int().min(1).default(1).describe('the first starts at the image, later ones at random points nearby'),
  alphaMax: z.number().min(0).max(1).default(0.1).describe('largest share of a step that is drawn towards the image'),
  eta: z.number().min(1).default(1.05).describe('how far beyond the boundary a step goes'),
  beta: z.number().min(0).max(1).default(0.9).describe('share of the way from the image that is left after a step back'),
});
export type FabParams = z.infer<typeof fabParams>;

type Noise = (d: number, rng: Rng) => Float32Array;

/** `d` numbers of norm 1 for a start: normal ones scaled in L1, as in the authors' code. */
const NOISE = {
  Linf: Linf.onSphere,
  L2: L2.onSphere,
  L1(d, rng) {
    const t = rng.normal(d);
    const size = t.reduce((sum, v) => sum + Math.abs(v), 1e-12);
    return t.map((v) => v / size);
  },
} satisfies Record<HyperplaneNorm, Noise>;

/** Starts around `x` `[k,h,w,c]` at half the radius; the image itself where `rngs` has undefined. The caller owns the result. */
function fabStart(noise: Noise, x: tf.Tensor4D, eps: number, rngs: readonly (Rng | undefined)[]): tf.Tensor4D {
  if (rngs.every((r) => r === undefined)) return x.clone();
  return tf.tidy(() => tf.clipByValue(x.add(drawn(x, rngs, noise).mul(0.5 * eps)), 0, 1));
}

/** Distance `[n]` of the nearest error that each run meets in all its steps, infinite where it meets none; `x` stays the caller's. */
export async function smallestDistances(
  target: Target,
  batch: Pick<Batch, 'x' | 'y'>,
  toward: tf.Tensor1D | undefined,
  norm: NormName,
  options: FabSteps & { iterations: number; signal: AbortSignal },
): Promise<Float32Array> {
  const { x, y } = batch;
  const n = x.shape[0];
  const smallest = new Float32Array(n).fill(Number.POSITIVE_INFINITY);
  const boundary = new Boundary<number>(norm, options);
  try {
    boundary.begin(
      Array.from({ length: n }, (_, i) => i),
      x.clone(),
      x.clone(),
    );
    for (let step = 0; step < options.iterations; step++) {
      await turn(options.signal);
      const { reached, adversarial, distances } = await boundary.advance(target, { y, toward });
      reached.dispose();
      adversarial.forEach((a, i) => {
        if (a) smallest[i] = Math.min(smallest[i] as number, distances[i] as number);
      });
    }
    return smallest;
  } finally {
    boundary.dispose();
  }
}

/** The class that each attempt walks towards, `[k]` int32, made for one step; undefined for the nearest. */
export type Toward = (attempts: readonly Attempt[]) => tf.Tensor1D | undefined;

interface FabSearch extends FabParams {
  readonly attempts: number;
  readonly toward: Toward;
}

/**
 * FAB with `attempts` restarts or targets per example. A run leaves at its first error within the budget; errors farther away only guide it.
 * Returns what `Attack.perturb` must. Passes per attempt that fails: `2 * iterations` forward, `iterations` backward (times the other classes when untargeted).
 */
export async function fabSearch(batch: Batch, target: Target, threat: Threat, run: AttackRun, options: FabSearch): Promise<tf.Tensor4D> {
  if (batch.ids.length === 0 || threat.eps === 0) return batch.x.clone();
  const attempts = new Attempts(batch, target, run, { attempts: options.attempts, iterations: options.attempts * options.iterations });
  return attempts.workOff(new FabPass(attempts, target, threat, options));
}

interface Walker {
  readonly attempt: Attempt;
  steps: number;
}

class FabPass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #threat: Threat;
  readonly #options: FabSearch;
  readonly #boundary: Boundary<Walker>;
  readonly #noise: Noise;

  constructor(attempts: Attempts, target: Target, threat: Threat, options: FabSearch) {
    this.#attempts = attempts;
    this.#target = target;
    this.#threat = threat;
    this.#options = options;
    this.#noise = atNorm(NOISE, threat.norm, 'fab');
    this.#boundary = new Boundary(threat.norm, options);
  }

  get running(): number {
    return this.#boundary.runs.length;
  }

  #fromImage(attempt: Attempt): boolean {
    return attempt.nth % this.#options.restarts === 0;
  }

  begin(attempts: readonly Attempt[], images: tf.Tensor4D): void {
    const rngs = attempts.map((attempt) => (this.#fromImage(attempt) ? undefined : this.#attempts.rngOf(attempt)));
    const start = fabStart(this.#noise, images, this.#threat.eps, rngs);
    this.#boundary.begin(
      attempts.map((attempt) => ({ attempt, steps: 0 })),
      images,
      start,
    );
  }

  async advance(): Promise<void> {
    const walkers = [...this.#boundary.runs];
    const attempts = walkers.map((w) => w.attempt);
    const y = this.#attempts.labelsOf(attempts);
    const toward = this.#options.toward(attempts);
    let wrongBefore: boolean[] = attempts.map(() => false);
    const stepped = await this.#boundary.advance(this.#target, { y, toward, whose: attempts }, async (logits) => {
      // an image that errs as it is needs no step; only first steps from the image itself show it
      const shows = walkers.map((w) => w.steps === 0 && this.#fromImage(w.attempt));
      if (!shows.includes(true)) return;
      const classes = await predictedClasses(logits);
      wrongBefore = attempts.map((attempt, i) => shows[i] === true && classes[i] !== this.#attempts.labelOf(attempt));
    });
    tf.dispose([y, toward] as tf.TensorContainer);
    this.#settle(walkers, stepped, wrongBefore);
    stepped.reached.dispose();
  }

  #settle(walkers: readonly Walker[], { reached, adversarial, distances }: Stepped, wrongBefore: readonly boolean[]): void {
    const finds: Find[] = [];
    const on: number[] = [];
    walkers.forEach((walker, place) => {
      const { attempt } = walker;
      walker.steps++;
      const inside = (adversarial[place] as boolean) && (distances[place] as number) <= this.#threat.eps;
      if (wrongBefore[place]) this.#attempts.end(attempt, true);
      else if (inside) {
        if (this.#attempts.end(attempt, true))
          finds.push({ place, attempt, iteration: attempt.nth * this.#options.iterations + walker.steps });
      } else if (this.#attempts.obsolete(attempt) || walker.steps === this.#options.iterations) this.#attempts.end(attempt, false);
      else on.push(place);
    });
    this.#attempts.keep(reached, finds);
    this.#boundary.keep(on);
  }

  dispose(): void {
    this.#boundary.dispose();
  }
}
