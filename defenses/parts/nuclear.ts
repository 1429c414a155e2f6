/** The nuclear norm of a matrix and its gradient, by singular values on the host. */
import { tf } from '../../tensor/tf.ts';

/** Cosine of two columns below which they count as orthogonal; float32 results need no less. */
const ORTHOGONAL = 1e-9;
const MOST_SWEEPS = 30;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

function rotate(a: Float64Array, b: Float64Array, cos: number, sin: number): void {
  for (let i = 0; i < a.length; i++) {
    const [p, q] = [a[i] as number, b[i] as number];
    a[i] = cos * p - sin * q;
    b[i] = sin * p + cos * q;
  }
}

/** Makes `columns` orthogonal by turning pairs (Hestenes 1958), the same turns done to `turned`. */
function orthogonalize(columns: readonly Float64Array[], turned: readonly Float64Array[]): void {
  for (let sweep = 0, moved = true; moved && sweep < MOST_SWEEPS; sweep++) {
    moved = false;
    for (const [i, a] of columns.entries())
      for (const [after, b] of columns.slice(i + 1).entries()) {
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= ORTHOGONAL * Math.sqrt(aa * bb)) continue;
        moved = true;
        const zeta = (bb - aa) / (2 * ab);
        const tan = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cos = 1 / Math.hypot(1, tan);
        rotate(a, b, cos, cos * tan);
        rotate(turned[i] as Float64Array, turned[i + 1 + after] as Float64Array, cos, cos * tan);
      }
  }
}

/**
 * `U V^T` of the singular value decomposition `U S V^T` of `values`, `rows * columns` numbers by row: the gradient of the sum of singular
 * values. Directions without a singular value are left out.
 */
export function polarFactor(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  // the shorter side is turned
  const tall = rows >= columns;
  const [count, length] = tall ? [columns, rows] : [rows, columns];
  const at = (along: number, of: number) => (tall ? along * columns + of : of * columns + along);
  const us = Array.from({ length: count }, (_, c) => Float64Array.from({ length }, (_, r) => values[at(r, c)] as number));
  const vs = Array.from({ length: count }, (_, c) => Float64Array.from({ length: count }, (_, r) => (r === c ? 1 : 0)));
  orthogonalize(us, vs);
  const sizes = us.map((u) => Math.sqrt(dot(u, u)));
  const smallest = Math.max(...sizes) * 1e-12;
  const out = new Float32Array(rows * columns);
  for (const [c, u] of us.entries()) {
    const size = sizes[c] as number;
    if (size <= smallest) continue;
    const v = vs[c] as Float64Array;
    for (let of = 0; of < count; of++) {
      const factor = (v[of] as number) / size;
      for (let along = 0; along < length; along++) out[at(along, of)] = (out[at(along, of)] as number) + (u[along] as number) * factor;
    }
  }
  return out;
}

/**
 * The nuclear norm of `a - b`, `[n,k]` both, as one value per row `[n]` whose sum it is. The gradient of that sum is exact; the split
 * over rows is by the rows' share in it.
 */
export function nuclearByRow(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor1D {
  const difference = a.sub(b);
  const factor = tf.tensor2d(
    polarFactor(difference.dataSync(), ...(difference.shape as [number, number])),
    difference.shape as [number, number],
  );
  return difference.mul(factor).sum(1);
}
