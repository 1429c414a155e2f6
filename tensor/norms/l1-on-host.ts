/**
 * The projection of `l1-projection.ts` for one image on the host, Croce and Hein 2021 (arXiv 2103.01208), section 3. It stands beside the one for
 * batches because the Square attack proposes image by image in plain arrays: on an engine each proposal would take some 200 small
 * operations, and in float32 its points would be others.
 */

/** How far a perturbation may go from `x` towards the sign of `delta` before it leaves [0,1]. */
const room = (x: number, delta: number) => (delta > 0 ? 1 - x : x);

/** Absolute values that are not zero, and what the box leaves of each. */
interface Sizes {
  readonly n: number;
  readonly size: Float64Array;
  readonly cap: Float64Array;
}

function sizesOf(delta: Float32Array, x: Float32Array): Sizes {
  const size = new Float64Array(delta.length);
  const cap = new Float64Array(delta.length);
  let n = 0;
  for (let i = 0; i < delta.length; i++) {
    const v = delta[i] as number;
    if (v === 0) continue;
    size[n] = Math.abs(v);
    cap[n] = Math.min(Math.abs(v), room(x[i] as number, v));
    n++;
  }
  return { n, size, cap };
}

/** The L1 norm that is left when every size shrinks by `shrink`, and how many sizes the next bit of shrinking would take from. */
function normAfter({ n, size, cap }: Sizes, shrink: number): { norm: number; active: number } {
  let norm = 0;
  let active = 0;
  for (let i = 0; i < n; i++) {
    const left = (size[i] as number) - shrink;
    if (left <= 0) continue;
    if (left < (cap[i] as number)) {
      norm += left;
      active++;
    } else norm += cap[i] as number;
  }
  return { norm, active };
}

/** The amount by which every size must shrink so that the norm is `eps`. The norm is piecewise linear in it: Newton, kept in a bracket. */
function shrinkage(sizes: Sizes, eps: number): number {
  if (normAfter(sizes, 0).norm <= eps) return 0;
  let low = 0;
  let high = 0;
  for (let i = 0; i < sizes.n; i++) high = Math.max(high, sizes.size[i] as number);
  let shrink = 0;
  for (let round = 0; round < 100; round++) {
    const { norm, active } = normAfter(sizes, shrink);
    if (Math.abs(norm - eps) <= 1e-12 * eps) break;
    if (norm > eps) low = shrink;
    else high = shrink;
    const newton = active > 0 ? shrink + (norm - eps) / active : Number.NaN;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (next === shrink) break;
    shrink = next;
  }
  return shrink;
}

/**
 * Moves `delta` to the nearest point (in L2) with L1 norm at most `eps` and `x + delta` in [0,1], in place.
 * `x` is one image in [0,1] and `delta` its perturbation, of equal length.
 */
export function projectL1(delta: Float32Array, x: Float32Array, eps: number): void {
  const shrink = shrinkage(sizesOf(delta, x), eps);
  for (let i = 0; i < delta.length; i++) {
    const v = delta[i] as number;
    if (v === 0) continue;
    const left = Math.min(room(x[i] as number, v), Math.max(Math.abs(v) - shrink, 0));
    delta[i] = v > 0 ? left : -left;
  }
}
