/** Batch normalisation over rows `[m,c]`: statistics in one pass over memory, exact to rounding by Chan's combination of chunks. */

/** Rows whose statistics are taken together: few enough to be in the nearest cache when they are read a second time. */
const CHUNK: i32 = 128;

/** Sums four neighbouring channels over `rows` rows. */
export function sum4(x: usize, rows: i32, stride: usize): v128 {
  let s0 = f32x4.splat(0);
  let s1 = s0,
    s2 = s0,
    s3 = s0;
  let r: i32 = 0;
  for (; r + 4 <= rows; r += 4) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x + stride));
    s2 = f32x4.add(s2, v128.load(x + 2 * stride));
    s3 = f32x4.add(s3, v128.load(x + 3 * stride));
    x += 4 * stride;
  }
  for (; r < rows; r++) {
    s0 = f32x4.add(s0, v128.load(x));
    x += stride;
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/** Sums squared distances from `centre`. */
function deviation4(x: usize, rows: i32, stride: usize, centre: v128): v128 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let r: i32 = 0;
  for (; r + 2 <= rows; r += 2) {
    const d0 = f32x4.sub(v128.load(x), centre);
    const d1 = f32x4.sub(v128.load(x + stride), centre);
    s0 = f32x4.add(s0, f32x4.mul(d0, d0));
    s1 = f32x4.add(s1, f32x4.mul(d1, d1));
    x += 2 * stride;
  }
  if (r < rows) {
    const d = f32x4.sub(v128.load(x), centre);
    s0 = f32x4.add(s0, f32x4.mul(d, d));
  }
  return f32x4.add(s0, s1);
}

/** Merges a chunk's mean and squared deviations of one channel into the totals `[mean, deviation]`, float64. */
function merge(total: usize, before: f64, rows: f64, mean: f64, deviation: f64): void {
  const all = before + rows;
  const delta = mean - load<f64>(total);
  store<f64>(total, load<f64>(total) + (delta * rows) / all);
  store<f64>(total, load<f64>(total, 8) + deviation + (delta * delta * before * rows) / all, 8);
}

/** Mean and biased variance `[c]` of `x` `[m,c]`. `totals` is scratch space of `16 * c` bytes. */
export function moments(x: usize, m: i32, c: i32, totals: usize, mean: usize, variance: usize): void {
  const stride = (<usize>c) << 2;
  memory.fill(totals, 0, (<usize>c) << 4);
  for (let row: i32 = 0; row < m; row += CHUNK) {
    const rows = min(CHUNK, m - row);
    const at = x + <usize>row * stride;
    let i: i32 = 0;
    for (; i + 4 <= c; i += 4) {
      const from = at + ((<usize>i) << 2);
      const centre = f32x4.div(sum4(from, rows, stride), f32x4.splat(<f32>rows));
      const spread = deviation4(from, rows, stride, centre);
      const total = totals + ((<usize>i) << 4);
      merge(total, row, rows, f32x4.extract_lane(centre, 0), f32x4.extract_lane(spread, 0));
      merge(total + 16, row, rows, f32x4.extract_lane(centre, 1), f32x4.extract_lane(spread, 1));
      merge(total + 32, row, rows, f32x4.extract_lane(centre, 2), f32x4.extract_lane(spread, 2));
      merge(total + 48, row, rows, f32x4.extract_lane(centre, 3), f32x4.extract_lane(spread, 3));
    }
    for (; i < c; i++) {
      const from = at + ((<usize>i) << 2);
      let sum: f64 = 0;
      for (let r: i32 = 0; r < rows; r++) sum += load<f32>(from + <usize>r * stride);
      const centre = sum / rows;
      let spread: f64 = 0;
      for (let r: i32 = 0; r < rows; r++) {
        const d = <f64>load<f32>(from + <usize>r * stride) - centre;
        spread += d * d;
      }
      merge(totals + ((<usize>i) << 4), row, rows, centre, spread);
    }
  }
  for (let i: i32 = 0; i < c; i++) {
    const total = totals + ((<usize>i) << 4);
    store<f32>(mean + ((<usize>i) << 2), <f32>load<f64>(total));
    store<f32>(variance + ((<usize>i) << 2), <f32>(load<f64>(total, 8) / m));
  }
}

/** `out = x * scale + shift`, scale and shift `[c]`, over `[m,c]`; with `relu`, not below zero. */
export function affine(x: usize, m: i32, c: i32, scale: usize, shift: usize, relu: bool, out: usize): void {
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  const low: f32 = relu ? 0 : -Infinity;
  const whole = c & ~3;
  for (let r: i32 = 0; r < m; r++) {
    for (let i: i32 = 0; i < whole; i += 4) {
      const o = (<usize>i) << 2;
      const y = f32x4.add(f32x4.mul(v128.load(x + o), v128.load(scale + o)), v128.load(shift + o));
      v128.store(out + o, f32x4.max(y, floor));
    }
    for (let i: i32 = whole; i < c; i++) {
      const o = (<usize>i) << 2;
      store<f32>(out + o, max(load<f32>(x + o) * load<f32>(scale + o) + load<f32>(shift + o), low));
    }
    x += (<usize>c) << 2;
    out += (<usize>c) << 2;
  }
}

/** Sums over rows of `dy` and of `dy * (x - mean)`, `[2,c]` float64 in `totals`. */
export function gradSums(x: usize, dy: usize, m: i32, c: i32, mean: usize, totals: usize): void {
  const stride = (<usize>c) << 2;
  memory.fill(totals, 0, (<usize>c) << 4);
  for (let row: i32 = 0; row < m; row += CHUNK) {
    const rows = min(CHUNK, m - row);
    const start = <usize>row * stride;
    let i: i32 = 0;
    for (; i + 4 <= c; i += 4) {
      const o = (<usize>i) << 2;
      let p = x + start + o,
        q = dy + start + o;
      const centre = v128.load(mean + o);
      let s0 = f32x4.splat(0);
      let s1 = s0,
        t0 = s0,
        t1 = s0;
      let r: i32 = 0;
      for (; r + 2 <= rows; r += 2) {
        const g0 = v128.load(q);
        const g1 = v128.load(q + stride);
        s0 = f32x4.add(s0, g0);
        s1 = f32x4.add(s1, g1);
        t0 = f32x4.add(t0, f32x4.mul(g0, f32x4.sub(v128.load(p), centre)));
        t1 = f32x4.add(t1, f32x4.mul(g1, f32x4.sub(v128.load(p + stride), centre)));
        p += 2 * stride;
        q += 2 * stride;
      }
      if (r < rows) {
        const g = v128.load(q);
        s0 = f32x4.add(s0, g);
        t0 = f32x4.add(t0, f32x4.mul(g, f32x4.sub(v128.load(p), centre)));
      }
      addTotals(totals + ((<usize>i) << 3), f32x4.add(s0, s1));
      addTotals(totals + ((<usize>(c + i)) << 3), f32x4.add(t0, t1));
    }
    for (; i < c; i++) {
      const o = (<usize>i) << 2;
      const centre = <f64>load<f32>(mean + o);
      let s: f64 = 0;
      let t: f64 = 0;
      for (let r: i32 = 0; r < rows; r++) {
        const at = start + <usize>r * stride + o;
        const g = <f64>load<f32>(dy + at);
        s += g;
        t += g * (<f64>load<f32>(x + at) - centre);
      }
      const sum = totals + ((<usize>i) << 3);
      const dot = totals + ((<usize>(c + i)) << 3);
      store<f64>(sum, load<f64>(sum) + s);
      store<f64>(dot, load<f64>(dot) + t);
    }
  }
}

function addTotals(at: usize, v: v128): void {
  v128.store(at, f64x2.add(v128.load(at), f64x2.promote_low_f32x4(v)));
  v128.store(at, f64x2.add(v128.load(at, 16), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1))), 16);
}

/** `dx = a * dy + b * (x - mean) + d`, with `a`, `b`, `d`, `mean` `[c]`, over `[m,c]`. */
export function gradInput(x: usize, dy: usize, m: i32, c: i32, a: usize, b: usize, d: usize, mean: usize, dx: usize): void {
  const whole = c & ~3;
  const stride = (<usize>c) << 2;
  for (let r: i32 = 0; r < m; r++) {
    for (let i: i32 = 0; i < whole; i += 4) {
      const o = (<usize>i) << 2;
      const centred = f32x4.sub(v128.load(x + o), v128.load(mean + o));
      const y = f32x4.add(f32x4.mul(v128.load(dy + o), v128.load(a + o)), f32x4.mul(centred, v128.load(b + o)));
      v128.store(dx + o, f32x4.add(y, v128.load(d + o)));
    }
    for (let i: i32 = whole; i < c; i++) {
      const o = (<usize>i) << 2;
      const centred = load<f32>(x + o) - load<f32>(mean + o);
      store<f32>(dx + o, load<f32>(dy + o) * load<f32>(a + o) + centred * load<f32>(b + o) + load<f32>(d + o));
    }
    x += stride;
    dy += stride;
    dx += stride;
  }
}
