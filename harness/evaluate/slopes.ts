/** Input gradients held to finite differences of the logits, through the contract of a classifier alone. */
import { linearizeClassifier } from '../../attacks/target.ts';
import { RampartError } from '../../errors.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Subject } from './predict.ts';

/** Directions of differences per image. */
const DIRECTIONS = 3;

/**
 * How far every pixel moves, in the order of trial. A short step drowns in the rounding of float32, a long one crosses kinks of ReLU: a
 * gradient that is right agrees at one of them.
 */
const STEPS = [2 ** -10, 2 ** -12, 2 ** -8, 2 ** -6, 2 ** -14];
export const LONGEST = Math.max(...STEPS);
export const SHORTEST = Math.min(...STEPS);

/** Of the slope: kinks and curvature leave less than this at one of the steps. */
const AGREES = 0.1;

/** Of the largest logit: rounding of a forward pass in float32, measured on networks of 20 to 50 layers. */
const ROUNDING = 2 ** -19;

/** So that no step leaves the box, and pixels lie between the steps of a quantisation. The caller owns the result. */
export function awayFromTheBox(x: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => x.mul(1 - 2 * LONGEST).add(LONGEST) as tf.Tensor4D);
}

export const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
export const furthest = (a: Float32Array, b: Float32Array) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
export const rowOf = (values: Float32Array, row: number, rows: number) =>
  values.subarray((row * values.length) / rows, ((row + 1) * values.length) / rows);
export const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** The model, its passes counted; a random one draws the same for an image at every call. */
export class Probe {
  readonly passes = { forward: 0, backward: 0 };
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  #draws(rows: readonly number[], anew?: string): Rng[] | undefined {
    const { classifier, rng } = this.subject;
    if (classifier.randomized) return rows.map((row) => rng.fork('checks').fork(row));
    return anew === undefined ? undefined : rows.map((row) => new Rng(`checks/${anew}/${row}`));
  }

  /** Of the images `rows`, all unless given, after a look at their shape and values. Where it keeps answers, one for each word `anew`. */
  async logits(x: tf.Tensor4D, rows = range(x.shape[0]), anew?: string): Promise<Float32Array> {
    this.passes.forward += rows.length;
    const logits = this.subject.classifier.logits(x, this.#draws(rows, anew));
    try {
      return await this.#checked(logits, rows.length);
    } finally {
      logits.dispose();
    }
  }

  /** Of the sum of `weights` `[n,classes]` times logits, with respect to the images. */
  async gradient(x: tf.Tensor4D, weights: Float32Array): Promise<Float32Array> {
    const n = x.shape[0];
    const { classifier, name } = this.subject;
    const lin = linearizeClassifier(classifier, x, this.#draws(range(n)));
    const dlogits = tf.tensor2d(weights, [n, classifier.classes]);
    this.passes.forward += n;
    this.passes.backward += n;
    try {
      await this.#checked(lin.logits, n);
      const grad = lin.pullback(dlogits);
      if (grad.shape.join() !== x.shape.join())
        throw new RampartError(
          `[model ${name}] expected an input gradient of shape [${x.shape.join(', ')}], got [${grad.shape.join(', ')}]`,
        );
      const values = (await grad.data()) as Float32Array;
      grad.dispose();
      return values;
    } finally {
      dlogits.dispose();
      lin.dispose();
    }
  }

  async #checked(logits: tf.Tensor, n: number): Promise<Float32Array> {
    const { classifier, name } = this.subject;
    const expected = [n, classifier.classes];
    if (logits.shape.join() !== expected.join())
      throw new RampartError(`[model ${name}] expected logits of shape [${expected.join(', ')}], got [${logits.shape.join(', ')}]`, {
        remedy: 'the model must have one output per class of the data set, and no other',
      });
    const values = (await logits.data()) as Float32Array;
    const broken = values.findIndex((v) => !Number.isFinite(v));
    if (broken >= 0)
      throw new RampartError(
        `[model ${name}] expected finite logits, got ${values[broken]} on image ${Math.floor(broken / classifier.classes)}`,
        {
          remedy: 'the weights or the normalisation are broken',
        },
      );
    return values;
  }
}

export interface Slopes {
  readonly weights: Float32Array;
  readonly grad: Float32Array;
  readonly logits: Float32Array;
}

export interface Agreement {
  readonly agree: number;
  readonly decided: number;
  readonly pairs: number;
}

/**
 * Of all pairs of an image of `x` and a direction: in how many the differences stand out of the rounding at some step, and in how many they agree
 * with the gradient at one. It stops where more than the share `enough` of the pairs agree.
 */
export async function compareSlopes(probe: Probe, x: tf.Tensor4D, at: Slopes, rng: Rng, enough: number): Promise<Agreement> {
  const n = x.shape[0];
  const pairs = n * DIRECTIONS;
  const directions = range(DIRECTIONS).map(() => Float32Array.from({ length: x.size }, () => (rng.next() < 0.5 ? -1 : 1)));
  const row = (values: Float32Array, i: number) => rowOf(values, i, n);
  const expected = directions.map((d) => range(n).map((i) => dot(row(at.grad, i), row(d, i))));
  const noise = range(n).map((i) => ROUNDING * largest(row(at.logits, i)) * Math.sqrt(dot(row(at.weights, i), row(at.weights, i))));
  const [decided, agree] = [new Set<string>(), new Set<string>()];
  for (const step of STEPS) {
    const measured: number[][] = [];
    for (const d of directions) measured.push(await differences(probe, x, d, step, at.weights));
    for (const i of range(n)) {
      const [got, want] = [measured, expected].map((all) => all.map((slopes) => slopes[i] as number)) as [number[], number[]];
      const size = Math.sqrt(
        Math.max(dot(Float32Array.from(got), Float32Array.from(got)), dot(Float32Array.from(want), Float32Array.from(want))) / DIRECTIONS,
      );
      const rounding = (noise[i] as number) / step;
      if (rounding > AGREES * size) continue;
      range(DIRECTIONS).forEach((k) => {
        decided.add(`${i} ${k}`);
        if (Math.abs((got[k] as number) - (want[k] as number)) <= AGREES * size + rounding) agree.add(`${i} ${k}`);
      });
    }
    if (agree.size > enough * pairs) break;
  }
  return { agree: agree.size, decided: decided.size, pairs };
}

/** Of each image, how fast its weighted logits change along the direction, from a step forward and one back. */
async function differences(probe: Probe, x: tf.Tensor4D, direction: Float32Array, step: number, weights: Float32Array): Promise<number[]> {
  const sides: Float32Array[] = [];
  for (const by of [step, -step]) {
    const moved = tf.tidy(() => x.add(tf.tensor4d(direction, x.shape).mul(by)) as tf.Tensor4D);
    sides.push(await probe.logits(moved).finally(() => moved.dispose()));
  }
  const [ahead, behind] = sides as [Float32Array, Float32Array];
  const n = x.shape[0];
  return range(n).map((i) => {
    const change = rowOf(ahead, i, n).map((v, k) => v - (rowOf(behind, i, n)[k] as number));
    return dot(change, rowOf(weights, i, n)) / (2 * step);
  });
}
