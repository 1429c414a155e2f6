/** Runs of APGD side by side in one pass, each at its own iteration with its own schedule. */
import { selectRows } from '../../../tensor/fused.ts';
import { atNorm, type NormName } from '../../../tensor/norms/index.ts';
import { tf } from '../../../tensor/tf.ts';
import type { Attempt, Loss, Target } from '../../attack.ts';
import { rowsOf } from '../search/finds.ts';
import { APGD, type ApgdNorm } from './norms.ts';
import type { Schedule } from './schedule.ts';

/** One run: `T` says whose. */
export interface Run<T> {
  readonly of: T;
  readonly schedule: Schedule;
  /** Radius of the ball that it searches. */
  readonly eps: number;
  /** Points evaluated so far. */
  looks: number;
}

/** What one evaluation showed, one entry per run. */
export interface Looks {
  readonly loss: Float32Array;
  /** Whether the point is still classified right. */
  readonly right: readonly boolean[];
}

/** Tensors `[n,h,w,c]`, one row per run. */
interface Rows {
  readonly origin: tf.Tensor4D;
  readonly x: tf.Tensor4D;
  /** The points before the last step. */
  readonly previous: tf.Tensor4D;
  readonly best: tf.Tensor4D;
  readonly bestGrad: tf.Tensor4D;
}

const KEYS = ['origin', 'x', 'previous', 'best', 'bestGrad'] as const;

function map(rows: Rows, f: (t: tf.Tensor4D) => tf.Tensor4D): Rows {
  return Object.fromEntries(KEYS.map((key) => [key, f(rows[key])])) as unknown as Rows;
}

type Pair = [tf.Tensor4D, tf.Tensor4D];

/** Rows `i` of both of `a` where `takeB[i]` is false, of `b` where it is true. Disposes all; may return some of them. */
function choose(a: Pair, b: Pair, takeB: readonly boolean[]): Pair {
  if (takeB.every((t) => t)) {
    tf.dispose(a);
    return b;
  }
  if (!takeB.some((t) => t)) {
    tf.dispose(b);
    return a;
  }
  const mixed = selectRows(a, b, takeB) as Pair;
  tf.dispose([...a, ...b]);
  return mixed;
}

export class Runs<T> {
  readonly #norm: ApgdNorm;
  /** Passes over which a gradient is averaged. */
  readonly #draws: number;
  runs: Run<T>[] = [];
  #rows: Rows | undefined;
  #grad: tf.Tensor4D | undefined;

  constructor(norm: NormName, draws: number) {
    this.#norm = atNorm(APGD, norm, 'apgd');
    this.#draws = draws;
  }

  /** The points, best points and images of the runs; owned by this object. */
  get rows(): Rows {
    return this.#rows as Rows;
  }

  /** Begins runs at `x` around the images `origin`, both `[k,h,w,c]`, and takes these over. */
  begin(runs: readonly Run<T>[], origin: tf.Tensor4D, x: tf.Tensor4D): void {
    const own = { origin, x, previous: x.clone(), best: x.clone(), bestGrad: tf.zerosLike(x) };
    const before = this.#rows;
    this.#rows = before ? (joined(before, own) as Rows) : own;
    this.runs.push(...runs);
  }

  /**
   * Evaluates the point of every run: one forward and one backward pass each (times `draws`), and one answer from the device. Where a run's
   * schedule says so, it goes on from its best point.
   */
  async look(target: Target, loss: Loss, y: tf.Tensor1D, whose?: readonly Attempt[]): Promise<Looks> {
    const { grad, values } = this.#evaluate(target, loss, y, whose);
    const host = (await values.data()) as Float32Array;
    values.dispose();
    const n = this.runs.length;
    const verdicts = this.runs.map((run, i) => {
      const [value, nonzero] = [host[i] as number, host[2 * n + i] ?? 0];
      if (run.looks++ > 0) return run.schedule.observe(value, nonzero);
      run.schedule.begin(value, nonzero);
      return { improved: true, restart: false };
    });
    this.#remember(
      grad,
      verdicts.map((v) => v.improved),
      verdicts.map((v) => v.restart),
    );
    return { loss: host.slice(0, n), right: Array.from({ length: n }, (_, i) => host[n + i] === 1) };
  }

  /** Gradient at the points, and `[loss, right, coordinates moved (sparse)]` as `[2|3,n]`. Of several draws the last gives loss and prediction, as in the authors' code. */
  #evaluate(target: Target, loss: Loss, y: tf.Tensor1D, whose?: readonly Attempt[]): { grad: tf.Tensor4D; values: tf.Tensor } {
    const { x, origin } = this.rows;
    let sum: tf.Tensor4D | undefined;
    for (let draw = 1; ; draw++) {
      const { loss: value, logits, grad } = target.gradient(x, loss, whose);
      const before = sum;
      sum = before ? tf.add(before, grad) : grad;
      if (before) tf.dispose([before, grad]);
      if (draw < this.#draws) {
        tf.dispose([value, logits]);
        continue;
      }
      const values = tf.tidy(() => {
        const right = logits.argMax(1).equal(y).cast('float32');
        return tf.stack(this.#norm.sparse ? [value, right, x.notEqual(origin).cast('float32').sum([1, 2, 3])] : [value, right]);
      });
      tf.dispose([value, logits]);
      const mean = this.#draws === 1 ? sum : tf.div<tf.Tensor4D>(sum, this.#draws);
      if (mean !== sum) sum.dispose();
      return { grad: mean, values };
    }
  }

  #remember(grad: tf.Tensor4D, improved: readonly boolean[], restart: readonly boolean[]): void {
    const { x, best, bestGrad } = this.rows;
    const [newBest, newBestGrad] = choose([best, bestGrad], [x.clone(), grad.clone()], improved);
    const [newX, newGrad] = choose([x, grad], [newBest.clone(), newBestGrad.clone()], restart);
    this.#rows = { ...this.rows, x: newX, best: newBest, bestGrad: newBestGrad };
    this.#grad = newGrad;
  }

  /** Moves every run one step along the gradient of the last `look`. */
  step(): void {
    const { origin, x, previous } = this.rows;
    const grad = this.#grad as tf.Tensor4D;
    const each = (f: (run: Run<T>) => number) => Float32Array.from(this.runs, f);
    const next = this.#norm.step({
      origin,
      x,
      previous,
      grad,
      eps: each((run) => run.eps),
      stepSize: each((run) => this.#norm.firstStep * run.eps * run.schedule.step),
      density: each((run) => run.schedule.density),
      fresh: each((run) => (run.looks === 1 ? 1 : 0.75)),
    });
    tf.dispose([previous, grad]);
    this.#grad = undefined;
    this.#rows = { ...this.rows, x: next, previous: x };
  }

  /** Drops all runs but those at these places, after a step. */
  keep(places: readonly number[]): void {
    if (places.length === this.runs.length) return;
    const before = this.rows;
    this.runs = places.map((i) => this.runs[i] as Run<T>);
    this.#rows = places.length === 0 ? undefined : map(before, (t) => rowsOf(t, places));
    tf.dispose({ ...before });
  }

  dispose(): void {
    tf.dispose([this.#grad, { ...this.#rows }] as unknown as tf.TensorContainer);
    this.#rows = undefined;
    this.#grad = undefined;
  }
}

function joined(a: Rows, b: Rows): Rows {
  const both = Object.fromEntries(KEYS.map((key) => [key, tf.concat([a[key], b[key]], 0)])) as unknown as Rows;
  tf.dispose([{ ...a }, { ...b }]);
  return both;
}
