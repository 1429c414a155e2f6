/** The nuclear norm of a matrix and its gradient, by singular values on the host. */
import { tf } from '../../tensor/tf.ts';
import { eigen } from './symmetric.ts';

/** Squares of singular values, relative to the largest, below which float32 matrices have nothing but rounding. */
const NOTHING = 1e-14;

/** Products of the shorter side's vectors, all with all. */
function gram(vectors: readonly Float64Array[]): Float64Array[] {
  const rows = vectors.map(() => new Float64Array(vectors.length));
  for (const [i, a] of vectors.entries())
    for (let j = 0; j <= i; j++) {
      const b = vectors[j] as Float64Array;
      let sum = 0;
      for (let l = 0; l < a.length; l++) sum += (a[l] as number) * (b[l] as number);
      (rows[i] as Float64Array)[j] = sum;
      (rows[j] as Float64Array)[i] = sum;
    }
  return rows;
}

/** `sum of factors[i] * ys[i]`. */
function combine(ys: readonly Float64Array[], factors: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(ys[0]?.length ?? 0);
  for (const [i, y] of ys.entries()) {
    const factor = factors[i] as number;
    if (factor !== 0) for (let l = 0; l < sum.length; l++) sum[l] = (sum[l] as number) + factor * (y[l] as number);
  }
  return sum;
}

/**
 * `U V^T` of the singular value decomposition `U S V^T` of `values`, `rows * columns` numbers by row: the gradient of the sum of singular
 * values. Directions without a singular value are left out.
 */
export function polarFactor(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  // with the vectors of the shorter side as A: (A A')^-1/2 A
  const byRow = rows <= columns;
  const [count, length] = byRow ? [rows, columns] : [columns, rows];
  const at = (of: number, along: number) => (byRow ? of * columns + along : along * columns + of);
  const vectors = Array.from({ length: count }, (_, of) => Float64Array.from({ length }, (_v, along) => values[at(of, along)] as number));
  const { values: squares, vectors: directions } = eigen(gram(vectors));
  const least = NOTHING * squares.reduce((most, square) => Math.max(most, square), 0);
  const inverse = squares.map((square) => (square > least ? 1 / Math.sqrt(square) : 0));
  const out = new Float32Array(rows * columns);
  for (let of = 0; of < count; of++) {
    const shares = directions.map((direction, i) => (inverse[i] as number) * (direction[of] as number));
    const unit = combine(vectors, combine(directions, shares));
    for (let along = 0; along < length; along++) out[at(of, along)] = unit[along] as number;
  }
  return out;
}

/**
 * The nuclear norm of `a - b`, `[n,k]` both, as one value per row `[n]` whose sum it is. The gradient of that sum is exact; the split
 * over rows is by the rows' share in it.
 */
export function nuclearByRow(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor1D {
  const difference = a.sub<tf.Tensor2D>(b);
  const [rows, columns] = difference.shape;
  return difference.mul(tf.tensor2d(polarFactor(difference.dataSync(), rows, columns), [rows, columns])).sum(1);
}
