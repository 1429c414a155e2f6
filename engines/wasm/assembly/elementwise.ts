/** Passes over whole tensors of `n` floats, four at a time. */

/** `dy` where `y > 0`, else 0. */
export function reluGrad(dy: usize, y: usize, n: i32, out: usize): void {
  const zero = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    v128.store(out + o, v128.and(v128.load(dy + o), f32x4.gt(v128.load(y + o), zero)));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    store<f32>(out + o, load<f32>(y + o) > 0 ? load<f32>(dy + o) : 0);
  }
}

/** `newM = momentum * m + g + weightDecay * w`, `newW = w - lr * newM`. */
export function sgdMomentum(
  w: usize,
  g: usize,
  m: usize,
  n: i32,
  lr: f32,
  momentum: f32,
  weightDecay: f32,
  newW: usize,
  newM: usize,
): void {
  const rate = f32x4.splat(lr);
  const keep = f32x4.splat(momentum);
  const decay = f32x4.splat(weightDecay);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    const weight = v128.load(w + o);
    const pull = f32x4.add(v128.load(g + o), f32x4.mul(weight, decay));
    const velocity = f32x4.add(f32x4.mul(v128.load(m + o), keep), pull);
    v128.store(newM + o, velocity);
    v128.store(newW + o, f32x4.sub(weight, f32x4.mul(velocity, rate)));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    const weight = load<f32>(w + o);
    const velocity = load<f32>(m + o) * momentum + (load<f32>(g + o) + weight * weightDecay);
    store<f32>(newM + o, velocity);
    store<f32>(newW + o, weight - velocity * lr);
  }
}

/** `clip(clip(x + step * sign(grad), origin - eps, origin + eps), 0, 1)`; the sign of 0 is 0. */
export function signStep(x: usize, grad: usize, origin: usize, n: i32, step: f32, eps: f32, out: usize): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const up = f32x4.splat(step);
  const down = f32x4.splat(-step);
  const radius = f32x4.splat(eps);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    const g = v128.load(grad + o);
    const centre = v128.load(origin + o);
    const move = v128.or(v128.and(up, f32x4.gt(g, zero)), v128.and(down, f32x4.lt(g, zero)));
    const moved = f32x4.add(v128.load(x + o), move);
    const inBall = f32x4.min(f32x4.max(moved, f32x4.sub(centre, radius)), f32x4.add(centre, radius));
    v128.store(out + o, f32x4.min(f32x4.max(inBall, zero), one));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    const g = load<f32>(grad + o);
    const centre = load<f32>(origin + o);
    const moved = load<f32>(x + o) + (g > 0 ? step : g < 0 ? -step : 0);
    store<f32>(out + o, min<f32>(max<f32>(min<f32>(max<f32>(moved, centre - eps), centre + eps), 0), 1));
  }
}

/** The larger of each pair, or of each number and the one at `b` when `scalar`; NaN wins. */
export function maximum(a: usize, b: usize, n: i32, scalar: bool, out: usize): void {
  const only = v128.load32_splat(b);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    v128.store(out + o, f32x4.max(v128.load(a + o), scalar ? only : v128.load(b + o)));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    store<f32>(out + o, max<f32>(load<f32>(a + o), load<f32>(scalar ? b : b + o)));
  }
}

/** The smaller of each pair, or of each number and the one at `b` when `scalar`; NaN wins. */
export function minimum(a: usize, b: usize, n: i32, scalar: bool, out: usize): void {
  const only = v128.load32_splat(b);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    v128.store(out + o, f32x4.min(v128.load(a + o), scalar ? only : v128.load(b + o)));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    store<f32>(out + o, min<f32>(load<f32>(a + o), load<f32>(scalar ? b : b + o)));
  }
}

/** `a` where the byte of `condition` is not 0, else `b`. */
export function select(condition: usize, a: usize, b: usize, n: i32, out: usize): void {
  for (let i: i32 = 0; i < n; i++) {
    const o = (<usize>i) << 2;
    store<u32>(out + o, load<u8>(condition + i) ? load<u32>(a + o) : load<u32>(b + o));
  }
}

/** Not below `low`, not above `high`; NaN stays NaN. */
export function clip(x: usize, n: i32, low: f32, high: f32, out: usize): void {
  const floor = f32x4.splat(low);
  const ceiling = f32x4.splat(high);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const o = (<usize>i) << 2;
    v128.store(out + o, f32x4.min(f32x4.max(v128.load(x + o), floor), ceiling));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    store<f32>(out + o, min<f32>(max<f32>(load<f32>(x + o), low), high));
  }
}

/** -1, 0 or 1; 0 for NaN. */
export function sign(x: usize, n: i32, out: usize): void {
  for (let i: i32 = 0; i < n; i++) {
    const v = load<f32>(x + ((<usize>i) << 2));
    store<f32>(out + ((<usize>i) << 2), v > 0 ? 1 : v < 0 ? -1 : 0);
  }
}
