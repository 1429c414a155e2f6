/** What the convolutions, direct and by minimal filtering, hold in registers: tiles of pixels by output channels. Loops unrolled by hand ran slower. */

/** Stores up to eight lanes. */
function storeLanes(at: usize, low: v128, high: v128, lanes: i32): void {
  if (lanes >= 8) {
    v128.store(at, low);
    v128.store(at, high, 16);
    return;
  }
  if (lanes >= 4) {
    v128.store(at, low);
    at += 16;
    low = high;
    lanes -= 4;
  }
  if (lanes > 0) v128.store32_lane(at, low, 0);
  if (lanes > 1) v128.store32_lane(at, low, 1, 4);
  if (lanes > 2) v128.store32_lane(at, low, 2, 8);
}

/**
 * Four rows of numbers times `[k,8]` packed at `w`, plus bias, ReLU: four pixels by eight channels. A row is read in runs, pairs of
 * (byte offset, floats). Pointers may repeat where fewer rows are left: the same value is then stored twice.
 */
export function tile4x8(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  runs: usize,
  runCount: i32,
  w: usize,
  bias: usize,
  relu: bool,
  o0: usize,
  o1: usize,
  o2: usize,
  o3: usize,
  lanes: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  if (bias) {
    c00 = v128.load(bias);
    c01 = v128.load(bias, 16);
  }
  let c10 = c00,
    c11 = c01,
    c20 = c00,
    c21 = c01,
    c30 = c00,
    c31 = c01;
  for (let r: i32 = 0; r < runCount; r++) {
    const offset = <usize>load<i32>(runs);
    let left = load<i32>(runs, 4);
    runs += 8;
    let p0 = a0 + offset,
      p1 = a1 + offset,
      p2 = a2 + offset,
      p3 = a3 + offset;
    while (left > 0) {
      const b0 = v128.load(w);
      const b1 = v128.load(w, 16);
      let a = v128.load32_splat(p0);
      c00 = f32x4.add(c00, f32x4.mul(a, b0));
      c01 = f32x4.add(c01, f32x4.mul(a, b1));
      a = v128.load32_splat(p1);
      c10 = f32x4.add(c10, f32x4.mul(a, b0));
      c11 = f32x4.add(c11, f32x4.mul(a, b1));
      a = v128.load32_splat(p2);
      c20 = f32x4.add(c20, f32x4.mul(a, b0));
      c21 = f32x4.add(c21, f32x4.mul(a, b1));
      a = v128.load32_splat(p3);
      c30 = f32x4.add(c30, f32x4.mul(a, b0));
      c31 = f32x4.add(c31, f32x4.mul(a, b1));
      p0 += 4;
      p1 += 4;
      p2 += 4;
      p3 += 4;
      w += 32;
      left--;
    }
  }
  if (relu) {
    const zero = f32x4.splat(0);
    c00 = f32x4.max(c00, zero);
    c01 = f32x4.max(c01, zero);
    c10 = f32x4.max(c10, zero);
    c11 = f32x4.max(c11, zero);
    c20 = f32x4.max(c20, zero);
    c21 = f32x4.max(c21, zero);
    c30 = f32x4.max(c30, zero);
    c31 = f32x4.max(c31, zero);
  }
  storeLanes(o0, c00, c01, lanes);
  storeLanes(o1, c10, c11, lanes);
  storeLanes(o2, c20, c21, lanes);
  storeLanes(o3, c30, c31, lanes);
}

/** Four lanes of eight pixels: for a block with at most four output channels, such as the gradient of an RGB image. */
export function tile8x4(
  a: usize,
  inPixel: usize,
  last: i32,
  runs: usize,
  runCount: i32,
  w: usize,
  bias: usize,
  relu: bool,
  out: usize,
  outPixel: usize,
  lanes: i32,
): void {
  let c0 = f32x4.splat(0);
  if (bias) c0 = v128.load(bias);
  let c1 = c0,
    c2 = c0,
    c3 = c0,
    c4 = c0,
    c5 = c0,
    c6 = c0,
    c7 = c0;
  const i1 = <usize>min(1, last),
    i2 = <usize>min(2, last),
    i3 = <usize>min(3, last),
    i4 = <usize>min(4, last),
    i5 = <usize>min(5, last),
    i6 = <usize>min(6, last),
    i7 = <usize>min(7, last);
  for (let r: i32 = 0; r < runCount; r++) {
    let p0 = a + <usize>load<i32>(runs);
    let left = load<i32>(runs, 4);
    runs += 8;
    let p1 = p0 + i1 * inPixel,
      p2 = p0 + i2 * inPixel,
      p3 = p0 + i3 * inPixel,
      p4 = p0 + i4 * inPixel,
      p5 = p0 + i5 * inPixel,
      p6 = p0 + i6 * inPixel,
      p7 = p0 + i7 * inPixel;
    while (left > 0) {
      const b = v128.load(w);
      c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(p0), b));
      c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(p1), b));
      c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(p2), b));
      c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(p3), b));
      c4 = f32x4.add(c4, f32x4.mul(v128.load32_splat(p4), b));
      c5 = f32x4.add(c5, f32x4.mul(v128.load32_splat(p5), b));
      c6 = f32x4.add(c6, f32x4.mul(v128.load32_splat(p6), b));
      c7 = f32x4.add(c7, f32x4.mul(v128.load32_splat(p7), b));
      p0 += 4;
      p1 += 4;
      p2 += 4;
      p3 += 4;
      p4 += 4;
      p5 += 4;
      p6 += 4;
      p7 += 4;
      w += 32;
      left--;
    }
  }
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  storeLanes(out, f32x4.max(c0, floor), floor, lanes);
  storeLanes(out + i1 * outPixel, f32x4.max(c1, floor), floor, lanes);
  storeLanes(out + i2 * outPixel, f32x4.max(c2, floor), floor, lanes);
  storeLanes(out + i3 * outPixel, f32x4.max(c3, floor), floor, lanes);
  storeLanes(out + i4 * outPixel, f32x4.max(c4, floor), floor, lanes);
  storeLanes(out + i5 * outPixel, f32x4.max(c5, floor), floor, lanes);
  storeLanes(out + i6 * outPixel, f32x4.max(c6, floor), floor, lanes);
  storeLanes(out + i7 * outPixel, f32x4.max(c7, floor), floor, lanes);
}
