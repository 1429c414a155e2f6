/** Expectation over transformation, Athalye et al. 2018 (arXiv 1802.00420): a random classifier is climbed by the mean of several passes. */
import { tf } from '../../tensor/tf.ts';
import type { Attempt, Loss, Target } from '../attack.ts';
import { gradientOf } from '../target.ts';

/** Disposes `values` and returns their mean. */
function mean<T extends tf.Tensor>(values: readonly T[]): T {
  const result = tf.tidy(() => tf.addN([...values]).div(values.length) as T);
  tf.dispose([...values]);
  return result;
}

/**
 * `target` with logits, the decisions that follow from them, and gradients averaged over `draws` passes, each of them counted. `target` itself
 * where `draws` is 1. With `noise`, an example's gradient is averaged over fewer passes, two at least: until noise is no more than this share
 * of the squared length of the mean, as their spread shows. A share of 0.1 is a mean whose squared cosine with the expectation is about 0.9.
 */
export function averagedTarget(target: Target, draws: number, noise?: number): Target {
  if (draws === 1) return target;
  const times = Array.from({ length: draws });
  const logits: Target['logits'] = (x, whose) => mean(times.map(() => target.logits(x, whose)));
  return {
    ...target,
    logits,
    decisions: (x, whose) => tf.tidy(() => logits(x, whose).argMax(1)),
    gradient(x, loss, whose) {
      if (noise !== undefined) return untilQuiet({ target, draws, noise }, x, loss, whose ?? aligned(x.shape[0]));
      const all = times.map(() => target.gradient(x, loss, whose));
      return { loss: mean(all.map((a) => a.loss)), logits: mean(all.map((a) => a.logits)), grad: mean(all.map((a) => a.grad)) };
    },
  };
}

/** Rows of `t`, owned by the caller. */
const rowsOf = <T extends tf.Tensor>(t: T, rows: readonly number[]): T =>
  tf.tidy(() => tf.gather(t, tf.tensor1d(Int32Array.from(rows), 'int32')));

/** Every row the first attempt at the example of the same place. */
const aligned = (n: number): Attempt[] => Array.from({ length: n }, (_, row) => ({ row, nth: 0 }));

type Gradient = ReturnType<Target['gradient']>;
const PARTS = ['loss', 'logits', 'grad'] as const;

interface Rule {
  readonly target: Target;
  readonly draws: number;
  readonly noise: number;
}

/** Each example is drawn again until its own mean is known well enough; which are beside it changes nothing. */
function untilQuiet({ target, draws, noise }: Rule, x: tf.Tensor4D, loss: Loss, whose: readonly Attempt[]): Gradient {
  const n = x.shape[0];
  const counts = new Float32Array(n);
  /** Of every example, the squared lengths of its gradients, summed. */
  const squares = new Float64Array(n);
  let sums: Gradient | undefined;
  let rows = Array.from({ length: n }, (_, i) => i);
  for (let k = 1; k <= draws && rows.length > 0; k++) {
    const drawn = drawAgain(target, x, loss, whose, rows);
    const before = sums;
    sums = before ? addUp(before, drawn) : drawn;
    const lengths = tf.tidy(() => tf.stack([squaredLength(drawn.grad), squaredLength((sums as Gradient).grad)]).dataSync());
    if (before) release(drawn);
    for (const row of rows) {
      counts[row] = k;
      squares[row] = (squares[row] as number) + (lengths[row] as number);
    }
    if (k > 1) rows = rows.filter((row) => noiseShare(k, squares[row] as number, lengths[n + row] as number) > noise);
  }
  return averaged(sums as Gradient, counts);
}

/** The squared length of every row, `[n]`. */
const squaredLength = (t: tf.Tensor4D): tf.Tensor => t.square().sum([1, 2, 3]);

/**
 * The share of the squared length of a mean of `k` gradients that is noise, as estimated from their spread: `squares` is the sum of their
 * squared lengths, `ofSum` the squared length of their sum.
 */
export function noiseShare(k: number, squares: number, ofSum: number): number {
  const spread = Math.max(squares - ofSum / k, 0) / (k - 1);
  if (spread === 0) return 0;
  return (k * spread) / ofSum;
}

/** One more pass of the examples at `rows`; zero in the others. */
function drawAgain(target: Target, x: tf.Tensor4D, loss: Loss, whose: readonly Attempt[], rows: readonly number[]): Gradient {
  const n = x.shape[0];
  if (rows.length === n) return target.gradient(x, loss, whose);
  const place = new Map(rows.map((row, i) => [row, i]));
  const from = Array.from({ length: n }, (_, row) => place.get(row) ?? 0);
  const drawn = tf.tensor1d(Array.from({ length: n }, (_, row) => (place.has(row) ? 1 : 0)));
  const points = rowsOf(x, rows);
  const lin = target.linearize(
    points,
    rows.map((row) => whose[row] as Attempt),
  );
  // the loss is of all rows: those that are not drawn are given the answer of another, which is thrown away
  const spread = {
    logits: rowsOf(lin.logits, from),
    pullback(dlogits: tf.Tensor2D) {
      const own = rowsOf(dlogits, rows);
      const grad = lin.pullback(own, true);
      const all = rowsOf(grad, from);
      tf.dispose([own, grad]);
      return all;
    },
    dispose() {
      spread.logits.dispose();
      lin.dispose();
    },
  };
  const found = gradientOf(spread, loss);
  const kept = tf.tidy(() => ({
    loss: found.loss.mul(drawn),
    logits: found.logits.mul(drawn.reshape([-1, 1])),
    grad: found.grad.mul(drawn.reshape([-1, 1, 1, 1])),
  })) as unknown as Gradient;
  release(found);
  tf.dispose([drawn, points]);
  return kept;
}

function release(of: Gradient): void {
  tf.dispose(PARTS.map((part) => of[part]));
}

/** Disposes `a`. */
function addUp(a: Gradient, b: Gradient): Gradient {
  const sum = { loss: tf.add(a.loss, b.loss), logits: tf.add(a.logits, b.logits), grad: tf.add(a.grad, b.grad) } as Gradient;
  release(a);
  return sum;
}

/** Every row over its own number of draws. Disposes `sums`. */
function averaged(sums: Gradient, counts: Float32Array): Gradient {
  const result = tf.tidy(() => {
    const k = tf.tensor1d(counts);
    return {
      loss: sums.loss.div(k),
      logits: sums.logits.div(k.reshape([-1, 1])),
      grad: sums.grad.div(k.reshape([-1, 1, 1, 1])),
    };
  }) as unknown as Gradient;
  release(sums);
  return result;
}
