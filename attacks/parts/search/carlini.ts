/** Rounds of Adam towards an error at a distance that shrinks: Carlini and Wagner's attack for the largest change of a pixel. */
import { tf } from '../../../tensor/tf.ts';
import type { Attempt, Target } from '../../attack.ts';
import { margin } from '../losses.ts';
import type { Attempts, Pass } from './attempts.ts';

export interface CarliniOptions {
  readonly steps: number;
  readonly learningRate: number;
  readonly constant: number;
  readonly shrink: number;
}

/** Keeps pixels of 0 and 1 at a finite place of the tangent. */
const SMOOTHER = 0.999999;
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];
/** A loss below it ends a round. */
const CONVERGED = 0.001;
/** The distance that is not aimed below: a grey level. */
const NEAREST = 1 / 256;

/** One example on its way. All arrays are `[h * w * c]`. */
interface Lane {
  readonly attempt: Attempt;
  readonly clean: Float32Array;
  /** The image in the space of the tangent, where every round starts. */
  readonly start: Float32Array;
  readonly at: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
  /** The gradient at the start, once it is known. */
  startGrad?: Float32Array;
  /** Steps taken in this round. */
  step: number;
  /** The distance aimed at. */
  tau: number;
  best: Float32Array | undefined;
  bestDistance: number;
}

/** The examples of a pass, one look at each of which costs a forward and a backward pass. */
export class CarliniPass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #options: CarliniOptions;
  #lanes: Lane[] = [];

  constructor(attempts: Attempts, target: Target, options: CarliniOptions) {
    this.#attempts = attempts;
    this.#target = target;
    this.#options = options;
  }

  get running(): number {
    return this.#lanes.length;
  }

  async begin(attempts: readonly Attempt[], images: tf.Tensor4D): Promise<void> {
    const values = (await images.data()) as Float32Array;
    const d = images.size / attempts.length;
    images.dispose();
    attempts.forEach((attempt, i) => {
      const clean = values.slice(i * d, (i + 1) * d);
      const start = clean.map((v) => Math.atanh(Math.fround(Math.fround(v * 2 - 1) * SMOOTHER)));
      const zeros = () => new Float32Array(d);
      const lane = { attempt, clean, start, at: start.slice(), first: zeros(), second: zeros() };
      this.#lanes.push({ ...lane, step: 0, tau: 1, best: undefined, bestDistance: 1 });
    });
  }

  async advance(): Promise<void> {
    const lanes = this.#lanes;
    const points = lanes.map(({ at }) => at.map((t) => (Math.tanh(t) + 1) / 2));
    const { logits, grad } = await this.#look(points);
    const size = points[0]?.length ?? 0;
    this.#lanes = lanes.filter((lane, i) => {
      const x = points[i] as Float32Array;
      let own = grad.subarray(i * size, (i + 1) * size);
      lane.startGrad ??= own.slice();
      if (lane.step > 0 && this.#ends(lane, x, logits, i)) {
        if (!this.#nextRound(lane, x, this.#isWrong(lane, logits, i))) return false;
        own = lane.startGrad;
      }
      this.#step(lane, own);
      return true;
    });
    this.#leave(lanes.filter((lane) => !this.#lanes.includes(lane)));
  }

  /** Logits, and the gradient of the right logit less the largest other one. */
  async #look(points: readonly Float32Array[]): Promise<{ logits: Float32Array; grad: Float32Array }> {
    const attempts = this.#lanes.map(({ attempt }) => attempt);
    const x = this.#images(points);
    const y = this.#attempts.labelsOf(attempts);
    const away = margin(y);
    const look = this.#target.gradient(x, (z) => away(z).neg(), attempts);
    const [logits, grad] = (await Promise.all([look.logits.data(), look.grad.data()])) as [Float32Array, Float32Array];
    tf.dispose([x, y, look.loss, look.logits, look.grad]);
    return { logits, grad };
  }

  #images(points: readonly Float32Array[]): tf.Tensor4D {
    const d = points[0]?.length ?? 0;
    const all = new Float32Array(points.length * d);
    points.forEach((point, i) => {
      all.set(point, i * d);
    });
    return tf.tensor4d(all, [points.length, ...this.#target.inputShape]);
  }

  #marginOf({ attempt }: Lane, logits: Float32Array, i: number): number {
    const own = logits.subarray(i * this.#target.classes, (i + 1) * this.#target.classes);
    const label = this.#attempts.labelOf(attempt);
    return (own[label] as number) - own.reduce((most, v, k) => (k === label ? most : Math.max(most, v)), Number.NEGATIVE_INFINITY);
  }

  /** The first of equals is what the classifier says. */
  #isWrong({ attempt }: Lane, logits: Float32Array, i: number): boolean {
    const own = logits.subarray(i * this.#target.classes, (i + 1) * this.#target.classes);
    return own.indexOf(own.reduce((a, b) => Math.max(a, b))) !== this.#attempts.labelOf(attempt);
  }

  #ends(lane: Lane, x: Float32Array, logits: Float32Array, i: number): boolean {
    if (lane.step === this.#options.steps) return true;
    const beyond = x.reduce((sum, v, k) => sum + Math.max(0, Math.abs(v - (lane.clean[k] as number)) - lane.tau), 0);
    return this.#options.constant * Math.max(0, this.#marginOf(lane, logits, i)) + beyond < CONVERGED;
  }

  /** Keeps an error that is nearer than those before it, and starts anew at a smaller distance. False where the last round found none, or one near enough. */
  #nextRound(lane: Lane, x: Float32Array, wrong: boolean): boolean {
    const distance = x.reduce((most, v, k) => Math.max(most, Math.abs(v - (lane.clean[k] as number))), 0);
    if (!wrong || distance >= lane.bestDistance) return false;
    lane.best = x;
    lane.bestDistance = distance;
    lane.tau = Math.min(lane.tau, distance) * this.#options.shrink;
    lane.at.set(lane.start);
    lane.first.fill(0);
    lane.second.fill(0);
    lane.step = 0;
    return lane.tau > NEAREST;
  }

  /** A step of Adam down the margin and, where a pixel is further than aimed at, back. */
  #step(lane: Lane, grad: Float32Array): void {
    const { at, clean, first, second, tau } = lane;
    const n = ++lane.step;
    const [bias1, bias2] = [1 - BETA1 ** n, 1 - BETA2 ** n];
    for (let k = 0; k < at.length; k++) {
      const tangent = Math.tanh(at[k] as number);
      const change = (tangent + 1) / 2 - (clean[k] as number);
      const back = Math.abs(change) > tau ? Math.sign(change) : 0;
      const g = (((grad[k] as number) + back) * (1 - tangent * tangent)) / (2 * SMOOTHER);
      first[k] = BETA1 * (first[k] as number) + (1 - BETA1) * g;
      second[k] = BETA2 * (second[k] as number) + (1 - BETA2) * g * g;
      at[k] =
        (at[k] as number) -
        (this.#options.learningRate * (first[k] as number)) / bias1 / (Math.sqrt((second[k] as number) / bias2) + EPSILON);
    }
  }

  #leave(lanes: readonly Lane[]): void {
    const found = lanes.filter(({ best }) => best);
    if (found.length > 0) {
      const x = this.#images(found.map(({ best }) => best as Float32Array));
      const finds = found.flatMap(({ attempt }, place) => (this.#attempts.end(attempt, true) ? [{ place, attempt, iteration: 0 }] : []));
      this.#attempts.keep(x, finds);
      x.dispose();
    }
    for (const { attempt, best } of lanes) if (!best) this.#attempts.end(attempt, false);
  }

  dispose(): void {
    this.#lanes = [];
  }
}
