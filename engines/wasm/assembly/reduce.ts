/** Sums that keep their accuracy however many numbers they add: short runs in float32, runs together in float64. */
import { sum4 } from './norm';

/** Numbers that are added in float32 before the sum goes on in float64. */
const RUN: i32 = 256;
const ROWS: i32 = 64;

function sumRow(x: usize, n: i32): f64 {
  let total: f64 = 0;
  let i: i32 = 0;
  for (; i + 16 <= n; ) {
    const end = min(n - 15, i + RUN);
    let s0 = f32x4.splat(0);
    let s1 = s0,
      s2 = s0,
      s3 = s0;
    for (; i < end; i += 16) {
      const at = x + ((<usize>i) << 2);
      s0 = f32x4.add(s0, v128.load(at));
      s1 = f32x4.add(s1, v128.load(at, 16));
      s2 = f32x4.add(s2, v128.load(at, 32));
      s3 = f32x4.add(s3, v128.load(at, 48));
    }
    const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    total += <f64>f32x4.extract_lane(s, 0) + <f64>f32x4.extract_lane(s, 1);
    total += <f64>f32x4.extract_lane(s, 2) + <f64>f32x4.extract_lane(s, 3);
  }
  for (; i < n; i++) total += load<f32>(x + ((<usize>i) << 2));
  return total;
}

/** Sums of `[m,c]` over `m`, times `scale`. `totals` is scratch space of `8 * c` bytes. */
function sumColumns(x: usize, m: i32, c: i32, scale: f64, totals: usize, out: usize): void {
  const stride = (<usize>c) << 2;
  memory.fill(totals, 0, (<usize>c) << 3);
  for (let row: i32 = 0; row < m; row += ROWS) {
    const rows = min(ROWS, m - row);
    const at = x + <usize>row * stride;
    let i: i32 = 0;
    for (; i + 4 <= c; i += 4) {
      const s = sum4(at + ((<usize>i) << 2), rows, stride);
      const total = totals + ((<usize>i) << 3);
      v128.store(total, f64x2.add(v128.load(total), f64x2.promote_low_f32x4(s)));
      v128.store(total, f64x2.add(v128.load(total, 16), f64x2.promote_low_f32x4(i64x2.shuffle(s, s, 1, 1))), 16);
    }
    for (; i < c; i++) {
      const total = totals + ((<usize>i) << 3);
      let s: f64 = 0;
      for (let r: i32 = 0; r < rows; r++) s += load<f32>(at + <usize>r * stride + ((<usize>i) << 2));
      store<f64>(total, load<f64>(total) + s);
    }
  }
  for (let i: i32 = 0; i < c; i++) store<f32>(out + ((<usize>i) << 2), <f32>(load<f64>(totals + ((<usize>i) << 3)) * scale));
}

/** Sums `[outer,middle,inner]` over `middle`, times `scale`. `totals` is scratch space of `8 * inner` bytes. */
export function sum(x: usize, outer: i32, middle: i32, inner: i32, scale: f64, totals: usize, out: usize): void {
  const group = (<usize>middle * <usize>inner) << 2;
  for (let g: i32 = 0; g < outer; g++) {
    if (inner === 1) store<f32>(out, <f32>(sumRow(x, middle) * scale));
    else sumColumns(x, middle, inner, scale, totals, out);
    x += group;
    out += (<usize>inner) << 2;
  }
}
