/** Runs of FAB side by side in one pass, Croce and Hein 2020 (arXiv 1907.02044), algorithm 1. */
import type { Linearized } from '../../../models/classifier.ts';
import { boundaryStep, stepBack } from '../../../tensor/fused.ts';
import { type Norm, type NormName, norm } from '../../../tensor/norms/index.ts';
import { tf } from '../../../tensor/tf.ts';
import type { Attempt, Target } from '../../attack.ts';
import { rowsOf } from '../search/finds.ts';
import { projectHyperplane } from './hyperplane.ts';

export interface FabSteps {
  /** The largest share of the step towards the clean image. */
  readonly alphaMax: number;
  /** How far beyond the hyperplane a step goes. */
  readonly eta: number;
  /** Share of the way from the clean image that is left after a step back. */
  readonly beta: number;
}

/** Which hyperplane is walked to: `toward` `[n]` is the class of every run, or undefined for the nearest of all classes. */
export interface Aim {
  readonly y: tf.Tensor1D;
  readonly toward: tf.Tensor1D | undefined;
  /** As `Target` wants it. */
  readonly whose?: readonly Attempt[];
}

/** The approximated decision boundary `w.z = b` of every run. */
interface Plane {
  /** `[n,d]`. */
  readonly w: tf.Tensor2D;
  /** `w.x - b` `[n]`: the difference of the logits at the point. */
  readonly offset: tf.Tensor1D;
}

/** What one step led to, one entry per run. */
export interface Stepped {
  /** The points `[n,h,w,c]` that the step reached, owned by the caller. */
  readonly reached: tf.Tensor4D;
  readonly adversarial: readonly boolean[];
  /** Distance of each reached point from its image. */
  readonly distances: Float32Array;
}

export class Boundary<T> {
  readonly #norm: NormName;
  readonly #steps: FabSteps;
  runs: T[] = [];
  #origin: tf.Tensor4D | undefined;
  #x: tf.Tensor4D | undefined;

  constructor(norm: NormName, steps: FabSteps) {
    this.#norm = norm;
    this.#steps = steps;
  }

  /** The points of the runs; owned by this object. */
  get x(): tf.Tensor4D {
    return this.#x as tf.Tensor4D;
  }

  /** Begins runs at `x` around the images `origin`, both `[k,h,w,c]`, and takes these over. */
  begin(runs: readonly T[], origin: tf.Tensor4D, x: tf.Tensor4D): void {
    this.#origin = joined(this.#origin, origin);
    this.#x = joined(this.#x, x);
    this.runs.push(...runs);
  }

  /**
   * One step of every run: to the boundary as the gradient shows it, drawn towards the image, and back inside from where the target already errs.
   * Two forward passes and one backward pass, or as many backward passes as there are other classes. `onLogits` sees the logits at the points before the step.
   */
  async advance(target: Target, aim: Aim, onLogits?: (logits: tf.Tensor2D) => Promise<void>): Promise<Stepped> {
    const lin = target.linearize(this.x, aim.whose);
    let plane: Plane;
    try {
      await onLogits?.(lin.logits);
      plane = aim.toward ? planeToward(lin, aim.y, aim.toward) : nearestPlane(lin, aim.y, norm(this.#norm));
    } finally {
      lin.dispose();
    }
    const { reached, distances } = await this.#walk(plane);
    tf.dispose([plane.w, plane.offset]);
    const logits = target.logits(reached, aim.whose);
    const adversarial = tf.tidy(() => logits.argMax(1).notEqual(aim.y).cast('float32')) as tf.Tensor1D;
    const verdict = tf.stack([adversarial, distances]);
    const values = (await verdict.data()) as Float32Array;
    // where nothing is adversarial, the point stays the very one that was evaluated
    const next = stepBack(this.#origin as tf.Tensor4D, reached, adversarial, this.#steps.beta);
    tf.dispose([logits, adversarial, distances, verdict, this.x]);
    this.#x = next;
    const n = this.runs.length;
    return { reached, adversarial: Array.from({ length: n }, (_, i) => values[i] === 1), distances: values.slice(n, 2 * n) };
  }

  async #walk(plane: Plane): Promise<Walked> {
    const { alphaMax, eta } = this.#steps;
    const options = { norm: this.#norm, alphaMax, eta };
    const [x, origin] = [this.x, this.#origin as tf.Tensor4D];
    return boundaryStep(x, origin, plane, options) ?? composedWalk(x, origin, plane, options);
  }

  /** Drops all runs but those at these places. */
  keep(places: readonly number[]): void {
    if (places.length === this.runs.length) return;
    const before = [this.#origin, this.#x] as tf.Tensor4D[];
    this.runs = places.map((i) => this.runs[i] as T);
    [this.#origin, this.#x] = places.length === 0 ? [undefined, undefined] : before.map((t) => rowsOf(t, places));
    tf.dispose(before);
  }

  dispose(): void {
    this.#origin?.dispose();
    this.#x?.dispose();
    this.#origin = undefined;
    this.#x = undefined;
  }
}

function joined(a: tf.Tensor4D | undefined, b: tf.Tensor4D): tf.Tensor4D {
  if (!a) return b;
  const both = tf.concat([a, b], 0) as tf.Tensor4D;
  tf.dispose([a, b]);
  return both;
}

interface Walked {
  readonly reached: tf.Tensor4D;
  /** From the images, `[n]`. */
  readonly distances: tf.Tensor1D;
}

async function composedWalk(
  x: tf.Tensor4D,
  origin: tf.Tensor4D,
  { w, offset }: Plane,
  { norm: name, alphaMax, eta }: { norm: NormName; alphaMax: number; eta: number },
): Promise<Walked> {
  const { size } = norm(name);
  const flat = (t: tf.Tensor) => t.reshape(w.shape) as tf.Tensor2D;
  const [points, images] = [flat(x), flat(origin)];
  const offsetOfImage = tf.tidy(() => offset.add(w.mul(images.sub(points)).sum(1))) as tf.Tensor1D;
  const fromPoint = await projectHyperplane(points, w, offset, name);
  const fromImage = await projectHyperplane(images, w, offsetOfImage, name);
  const reached = tf.tidy(() => {
    const [a, b] = [fromPoint, fromImage].map((step) => tf.maximum(size(step.reshape(x.shape)), 1e-8)) as [tf.Tensor, tf.Tensor];
    const alpha = tf.minimum(a.div(a.add(b)), alphaMax).reshape([-1, 1]);
    const here = points.add(fromPoint.mul(eta)).mul(tf.sub(1, alpha));
    const there = images.add(fromImage.mul(eta)).mul(alpha);
    return tf.clipByValue(here.add(there), 0, 1).reshape(x.shape) as tf.Tensor4D;
  });
  tf.dispose([points, images, offsetOfImage, fromPoint, fromImage]);
  return { reached, distances: tf.tidy(() => size(tf.sub(reached, origin))) };
}

/** The boundary with one class: where its logit equals the right one. One backward pass. */
function planeToward(lin: Linearized, y: tf.Tensor1D, toward: tf.Tensor1D): Plane {
  const classes = lin.logits.shape[1];
  const direction = tf.tidy(() => tf.oneHot(toward, classes).sub(tf.oneHot(y, classes)).cast('float32')) as tf.Tensor2D;
  const gradient = lin.pullback(direction);
  const offset = tf.tidy(() => lin.logits.mul(direction).sum(1)) as tf.Tensor1D;
  const w = gradient.reshape([gradient.shape[0], -1]) as tf.Tensor2D;
  tf.dispose([direction, gradient]);
  return { w, offset };
}

/** The boundary that is nearest in the linear picture, of those with all other classes. One backward pass for each. */
function nearestPlane(lin: Linearized, y: tf.Tensor1D, ball: Norm): Plane {
  const classes = lin.logits.shape[1];
  let nearest: (Plane & { distance: tf.Tensor }) | undefined;
  for (let k = 1; k < classes; k++) {
    const other = tf.tidy(() => tf.mod(y.add(tf.scalar(k, 'int32')), tf.scalar(classes, 'int32')).cast('int32')) as tf.Tensor1D;
    const { w, offset } = planeToward(lin, y, other);
    const distance = tf.tidy(() => {
      const size = ball.dual(w.reshape([w.shape[0], 1, 1, -1]));
      return offset.abs().div(size.add(1e-12));
    });
    other.dispose();
    nearest = nearest ? nearer(nearest, { w, offset, distance }) : { w, offset, distance };
  }
  const { distance, ...plane } = nearest as Plane & { distance: tf.Tensor };
  distance.dispose();
  return plane;
}

/** Row by row the nearer of two planes; disposes both. */
function nearer(a: Plane & { distance: tf.Tensor }, b: Plane & { distance: tf.Tensor }): Plane & { distance: tf.Tensor } {
  const better = tf.tidy(() => {
    const n = a.offset.shape[0];
    const rows = tf.range(0, n, 1, 'int32').add(b.distance.less(a.distance).cast('int32').mul(tf.scalar(n, 'int32'))) as tf.Tensor1D;
    const pick = <U extends tf.Tensor>(one: U, other: U) => tf.gather(tf.concat([one, other] as tf.Tensor[], 0), rows) as unknown as U;
    return { w: pick(a.w, b.w), offset: pick(a.offset, b.offset), distance: pick(a.distance, b.distance) };
  });
  tf.dispose([{ ...a }, { ...b }] as unknown as tf.TensorContainer);
  return better;
}
