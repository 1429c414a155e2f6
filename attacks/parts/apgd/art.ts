/**
 * APGD as the Adversarial Robustness Toolbox has it (1.20, AutoProjectedGradientDescent, Linf). It departs from the authors' code: the first step
 * is a parameter, starts are uniform in the ball, a step counts as progress where it beats the best loss so far, after a step is halved momentum
 * starts from the point before the best one, and of a whole run only its last point decides, or its start.
 */
import { z } from 'zod';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Loss, Passes, Target, Threat } from '../../attack.ts';
import { Finds, rowsOf, turn } from '../search/finds.ts';
import { randomStart } from '../start.ts';

export const artApgdParams = z.strictObject({
  iterations: z.number().int().min(1).default(100).describe('gradient steps per run'),
  restarts: z.number().int().min(1).default(5).describe('random starts; later ones only for examples still right'),
  stepSize: z.number().positive().default(0.003).describe('first step, in units of the input: eps_step of the toolbox'),
  rho: z.number().min(0).max(1).default(0.75).describe('the step is halved where a smaller share of the steps beat the best loss'),
});
export type ArtApgdParams = z.infer<typeof artApgdParams>;

export const artApgdCost = ({ iterations, restarts }: ArtApgdParams): Passes => {
  const passes = restarts * (iterations + 1);
  return { forward: passes, backward: passes };
};

/** Share of the step, the rest being momentum. */
const ALPHA = 0.75;

/** Iterations after which steps are looked back on: 0, then 22 %, 41 %, 57 % ... of them. */
export function artCheckpoints(iterations: number): number[] {
  const shares = [0, 0.22];
  for (;;) {
    const [before, last] = shares.slice(-2) as [number, number];
    const next = last + Math.max(last - before - 0.03, 0.06);
    if (next > 1) return shares.map((share) => Math.ceil(share * iterations));
    shares.push(next);
  }
}

/** Points `[n,h,w,c]` with what was seen there, one entry per row. */
interface Look {
  readonly x: tf.Tensor4D;
  readonly grad: tf.Tensor4D;
  readonly loss: Float32Array;
  readonly predicted: Int32Array;
}

/** `loss` is of labels `[n]` int32. Returns what `Attack.perturb` must. */
export async function artApgd(
  batch: Batch,
  target: Target,
  threat: Threat,
  run: AttackRun,
  { loss, ...p }: ArtApgdParams & { loss(y: tf.Tensor1D): Loss },
): Promise<tf.Tensor4D> {
  const finds = new Finds(batch);
  try {
    let left = Array.from(batch.ids.keys());
    for (let nth = 0; nth < p.restarts && left.length > 0; nth++) {
      const attempts = left.map((row) => ({ row, nth }));
      const y = rowsOf(batch.y, left);
      const { points, wrong } = await new ArtRun({ batch, target, threat, run, attempts, loss: loss(y), p })
        .toEnd()
        .finally(() => y.dispose());
      const broken = attempts.flatMap((_, i) => (wrong[i] ? [i] : []));
      finds.found(
        points,
        broken,
        broken.map((i) => left[i] as number),
        broken.map(() => nth),
      );
      points.dispose();
      left = left.filter((_, i) => !wrong[i]);
    }
    return finds.finish(run, p.restarts - 1);
  } finally {
    finds.dispose();
  }
}

interface Setup {
  readonly batch: Batch;
  readonly target: Target;
  readonly threat: Threat;
  readonly run: AttackRun;
  readonly attempts: readonly Attempt[];
  readonly loss: Loss;
  readonly p: ArtApgdParams;
}

/** One run of every attempt, in lockstep. */
class ArtRun {
  readonly #setup: Setup;
  readonly #origin: tf.Tensor4D;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#origin = rowsOf(
      setup.batch.x,
      setup.attempts.map(({ row }) => row),
    );
  }

  async #look(x: tf.Tensor4D): Promise<Look> {
    const { target, attempts, loss } = this.#setup;
    const { loss: values, logits, grad } = target.gradient(x, loss, attempts);
    // one read of the device for both
    const both = tf.tidy(() => tf.stack([values, logits.argMax(1).cast('float32')]));
    const read = (await both.data()) as Float32Array;
    tf.dispose([values, logits, both]);
    const n = attempts.length;
    return { x, grad, loss: read.slice(0, n), predicted: Int32Array.from(read.subarray(n)) };
  }

  /** `x + step * sign(grad)` in the box and the ball; with momentum from `before` where that is given. */
  #step({ x, grad }: Look, sizes: Float32Array, before: tf.Tensor4D | undefined): tf.Tensor4D {
    const { eps } = this.#setup.threat;
    const origin = this.#origin;
    const inside = (points: tf.Tensor) => origin.add(tf.clipByValue(tf.clipByValue(points, 0, 1).sub(origin), -eps, eps)) as tf.Tensor4D;
    return tf.tidy(() => {
      const stepped = inside(x.add(grad.sign().mul(perRow(sizes))));
      if (!before) return stepped;
      return inside(x.add(stepped.sub(x).mul(ALPHA)).add(x.sub(before).mul(1 - ALPHA)));
    });
  }

  /** The points that decide, owned by the caller, and which of them are misclassified. */
  async toEnd(): Promise<{ points: tf.Tensor4D; wrong: boolean[] }> {
    const { attempts, batch, run, threat, p } = this.#setup;
    const n = attempts.length;
    const rngs = attempts.map(({ row, nth }) => run.rng.fork(batch.ids[row] as number).fork(nth));
    const start = await this.#look(randomStart(this.#origin, threat, rngs));
    const sizes = new Float32Array(n).fill(p.stepSize);
    const progress = new Int32Array(n);
    const at = { sizes: sizes.slice(), best: start.loss.slice() };
    let best: Look = {
      ...start,
      x: start.x.clone(),
      grad: start.grad.clone(),
      loss: start.loss.slice(),
      predicted: start.predicted.slice(),
    };
    let beforeBest = this.#origin.clone();
    let before = start.x.clone();
    let here: Look = { ...start, x: start.x.clone(), grad: start.grad.clone() };
    const checkpoints = artCheckpoints(p.iterations);
    for (let k = 0; k < p.iterations; k++) {
      await turn(run.signal);
      const next = await this.#look(this.#step(here, sizes, k === 0 ? undefined : before));
      const better = Array.from(next.loss, (l, i) => (k === 0 ? l >= (best.loss[i] as number) : l > (best.loss[i] as number)));
      better.forEach((is, i) => {
        if (is) progress[i] = (progress[i] as number) + 1;
      });
      // the toolbox remembers the image, not the start, as what came before the first step
      if (k > 0) beforeBest = mixed(better, here.x, beforeBest);
      best = mixedLook(better, next, best);
      tf.dispose([before, here.grad]);
      [before, here] = [here.x, next];
      const window = checkpoints.indexOf(k);
      if (window <= 0) continue;
      const least = p.rho * (k - (checkpoints[window - 1] as number));
      const halved = Array.from(
        sizes,
        (size, i) => (progress[i] as number) < least || (size === at.sizes[i] && best.loss[i] === at.best[i]),
      );
      halved.forEach((is, i) => {
        if (is) sizes[i] = (sizes[i] as number) / 2;
      });
      before = mixed(halved, beforeBest, before);
      here = mixedLook(halved, { ...best }, here);
      progress.fill(0);
      at.sizes.set(sizes);
      at.best.set(best.loss);
    }
    const label = (i: number) => batch.labels[attempts[i]?.row as number];
    const ended = Array.from(here.predicted, (c, i) => c !== label(i));
    const points = mixed(ended, here.x, start.x);
    tf.dispose([here.x, here.grad, start.grad, best.x, best.grad, beforeBest, before, this.#origin]);
    return { points, wrong: ended.map((wrong, i) => wrong || start.predicted[i] !== label(i)) };
  }
}

const perRow = (values: Float32Array) => tf.tensor4d(values, [values.length, 1, 1, 1]);

/** Rows of `a` where `mask` says so, else of `b`, which it disposes. The caller owns the result. */
function mixed(mask: readonly boolean[], a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  const result = tf.tidy(() => tf.where(tf.tensor4d(mask.map(Number), [mask.length, 1, 1, 1], 'bool'), a, b) as tf.Tensor4D);
  b.dispose();
  return result;
}

function mixedLook(mask: readonly boolean[], a: Look, b: Look): Look {
  const pick = <T extends Float32Array | Int32Array>(x: T, y: T): T => y.map((v, i) => (mask[i] ? (x[i] as number) : v)) as T;
  return {
    x: mixed(mask, a.x, b.x),
    grad: mixed(mask, a.grad, b.grad),
    loss: pick(a.loss, b.loss),
    predicted: pick(a.predicted, b.predicted),
  };
}
