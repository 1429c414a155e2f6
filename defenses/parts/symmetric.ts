/** Eigenvectors of a symmetric matrix in float64: Householder's reduction to three diagonals, then QL with implicit shifts (Golub and Van Loan, chapter 8). */

const MOST_SHIFTS = 60;

const dot = (a: Float64Array, b: Float64Array, from = 0): number => {
  let sum = 0;
  for (let i = from; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

/** `y += factor * x`, from index `from` on. */
function addTo(y: Float64Array, x: Float64Array, factor: number, from = 0): void {
  for (let i = from; i < y.length; i++) y[i] = (y[i] as number) + factor * (x[i] as number);
}

/** Unit vector whose reflection takes column `j` below the diagonal to one number, and that number; undefined where it is zero there already. */
function reflector(row: Float64Array, j: number): { v: Float64Array; left: number } | undefined {
  const v = row.slice().fill(0, 0, j + 1);
  const length = Math.sqrt(dot(v, v));
  if (length === 0) return undefined;
  const left = (v[j + 1] as number) > 0 ? -length : length;
  v[j + 1] = (v[j + 1] as number) - left;
  const norm = Math.sqrt(dot(v, v));
  return { v: v.map((value) => value / norm), left };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Number `i` lies between diagonal entries `i` and `i + 1`; the last is zero. */
  readonly beside: Float64Array;
  /** Row `i` is basis vector `i` in the coordinates of the matrix. */
  readonly basis: Float64Array[];
}

/** Overwrites `rows`. */
function tridiagonal(rows: Float64Array[]): Tridiagonal {
  const n = rows.length;
  const beside = new Float64Array(n);
  const reflectors: [j: number, v: Float64Array][] = [];
  for (let j = 0; j < n - 1; j++) {
    const found = reflector(rows[j] as Float64Array, j);
    if (!found) continue;
    const { v, left } = found;
    beside[j] = left;
    reflectors.push([j, v]);
    // A - 2 v w' - 2 w v' with w = A v - (v' A v) v
    const w = new Float64Array(n);
    for (let i = j + 1; i < n; i++) w[i] = dot(rows[i] as Float64Array, v, j + 1);
    addTo(w, v, -dot(v, w, j + 1), j + 1);
    for (let i = j + 1; i < n; i++) {
      addTo(rows[i] as Float64Array, w, -2 * (v[i] as number), j + 1);
      addTo(rows[i] as Float64Array, v, -2 * (w[i] as number), j + 1);
    }
  }
  const diagonal = Float64Array.from(rows, (row, i) => row[i] as number);
  const basis = rows.map((_, i) => new Float64Array(n).fill(1, i, i + 1));
  for (const [j, v] of reflectors.reverse())
    for (let i = j + 1; i < n; i++) {
      const row = basis[i] as Float64Array;
      addTo(row, v, -2 * dot(row, v, j + 1), j + 1);
    }
  return { diagonal, beside, basis };
}

/** Turns two vectors in their plane. */
function turn(low: Float64Array, high: Float64Array, cos: number, sin: number): void {
  for (let i = 0; i < low.length; i++) {
    const [a, b] = [low[i] as number, high[i] as number];
    high[i] = sin * a + cos * b;
    low[i] = cos * a - sin * b;
  }
}

/** One sweep of QL from `last` up to `first` with the shift of Wilkinson; what lies beside `first` gets smaller. */
function sweep({ diagonal: d, beside: e, basis }: Tridiagonal, first: number, last: number): void {
  const at = (from: Float64Array, i: number) => from[i] as number;
  const half = (at(d, first + 1) - at(d, first)) / (2 * at(e, first));
  const root = Math.hypot(half, 1);
  let bulge = at(d, last) - at(d, first) + at(e, first) / (half + (half < 0 ? -root : root));
  let [cos, sin, moved] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const [f, b] = [sin * at(e, i), cos * at(e, i)];
    const r = Math.hypot(f, bulge);
    e[i + 1] = r;
    if (r === 0) {
      // it falls apart here
      d[i + 1] = at(d, i + 1) - moved;
      e[last] = 0;
      return;
    }
    [sin, cos] = [f / r, bulge / r];
    const shifted = at(d, i + 1) - moved;
    const t = (at(d, i) - shifted) * sin + 2 * cos * b;
    moved = sin * t;
    d[i + 1] = shifted + moved;
    bulge = cos * t - b;
    turn(basis[i] as Float64Array, basis[i + 1] as Float64Array, cos, sin);
  }
  d[first] = at(d, first) - moved;
  e[first] = bulge;
  e[last] = 0;
}

/** Eigenvalues of the symmetric `rows`, which are overwritten, and a unit eigenvector for each, in no order. */
export function eigen(rows: Float64Array[]): { values: Float64Array; vectors: Float64Array[] } {
  const t = tridiagonal(rows);
  const n = rows.length;
  const isSmall = (i: number) => {
    const around = Math.abs(t.diagonal[i] as number) + Math.abs(t.diagonal[i + 1] as number);
    return Math.abs(t.beside[i] as number) <= Number.EPSILON * around;
  };
  for (let first = 0; first < n; first++)
    for (let shifts = 0; shifts < MOST_SHIFTS; shifts++) {
      let last = first;
      while (last < n - 1 && !isSmall(last)) last++;
      if (last === first) break;
      sweep(t, first, last);
    }
  return { values: t.diagonal, vectors: t.basis };
}
