/** The filter gradient of a convolution: for every row of the filter a matrix product over pixels, in tiles of four by eight. */

function add(at: usize, v: v128): void {
  v128.store(at, f32x4.add(v128.load(at), v));
}

/** Four inputs by eight output channels, over `rows` rows of `width` pixels. */
function tile4x8(
  x: usize,
  xRow: usize,
  xPixel: usize,
  dy: usize,
  dyRow: usize,
  dyPixel: usize,
  rows: i32,
  width: i32,
  out: usize,
  outRow: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00,
    c10 = c00,
    c11 = c00,
    c20 = c00,
    c21 = c00,
    c30 = c00,
    c31 = c00;
  for (let r: i32 = 0; r < rows; r++) {
    let p = x,
      q = dy;
    for (let i: i32 = 0; i < width; i++) {
      const b0 = v128.load(q);
      const b1 = v128.load(q, 16);
      let a = v128.load32_splat(p);
      c00 = f32x4.add(c00, f32x4.mul(a, b0));
      c01 = f32x4.add(c01, f32x4.mul(a, b1));
      a = v128.load32_splat(p, 4);
      c10 = f32x4.add(c10, f32x4.mul(a, b0));
      c11 = f32x4.add(c11, f32x4.mul(a, b1));
      a = v128.load32_splat(p, 8);
      c20 = f32x4.add(c20, f32x4.mul(a, b0));
      c21 = f32x4.add(c21, f32x4.mul(a, b1));
      a = v128.load32_splat(p, 12);
      c30 = f32x4.add(c30, f32x4.mul(a, b0));
      c31 = f32x4.add(c31, f32x4.mul(a, b1));
      p += xPixel;
      q += dyPixel;
    }
    x += xRow;
    dy += dyRow;
  }
  add(out, c00);
  add(out + 16, c01);
  out += outRow;
  add(out, c10);
  add(out + 16, c11);
  out += outRow;
  add(out, c20);
  add(out + 16, c21);
  out += outRow;
  add(out, c30);
  add(out + 16, c31);
}

/** One input by eight output channels: what is left of the inputs. */
function tile1x8(x: usize, xRow: usize, xPixel: usize, dy: usize, dyRow: usize, dyPixel: usize, rows: i32, width: i32, out: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = c0;
  for (let r: i32 = 0; r < rows; r++) {
    let p = x,
      q = dy;
    for (let i: i32 = 0; i < width; i++) {
      const a = v128.load32_splat(p);
      c0 = f32x4.add(c0, f32x4.mul(a, v128.load(q)));
      c1 = f32x4.add(c1, f32x4.mul(a, v128.load(q, 16)));
      p += xPixel;
      q += dyPixel;
    }
    x += xRow;
    dy += dyRow;
  }
  add(out, c0);
  add(out + 16, c1);
}

/** One input by one output channel: what is left of the output channels. */
function tile1x1(x: usize, xRow: usize, xPixel: usize, dy: usize, dyRow: usize, dyPixel: usize, rows: i32, width: i32, out: usize): void {
  let c: f32 = 0;
  for (let r: i32 = 0; r < rows; r++) {
    for (let i: i32 = 0; i < width; i++) c += load<f32>(x + <usize>i * xPixel) * load<f32>(dy + <usize>i * dyPixel);
    x += xRow;
    dy += dyRow;
  }
  store<f32>(out, load<f32>(out) + c);
}

/**
 * Adds one image's part to `out` `[taps,m,co]`: `taps` rows of the filter, each reading `m` inputs that lie side by side (filter width
 * times channels). `tapStride` is the distance between rows of the input, `xRow` that of two rows of output pixels. Bytes.
 * `block` rows at a time, so that they stay in the nearest cache.
 */
export function filterGrad(
  x: usize,
  xRow: usize,
  xPixel: usize,
  tapStride: usize,
  dy: usize,
  dyRow: usize,
  dyPixel: usize,
  height: i32,
  width: i32,
  block: i32,
  taps: i32,
  m: i32,
  co: i32,
  out: usize,
): void {
  const outRow = (<usize>co) << 2;
  for (let y: i32 = 0; y < height; y += block) {
    const rows = min(block, height - y);
    const dyAt = dy + <usize>y * dyRow;
    for (let t: i32 = 0; t < taps; t++) {
      const xAt = x + <usize>y * xRow + <usize>t * tapStride;
      const outTap = out + <usize>t * <usize>m * outRow;
      for (let o: i32 = 0; o < co; ) {
        const oBytes = (<usize>o) << 2;
        if (o + 8 <= co) {
          let i: i32 = 0;
          for (; i + 4 <= m; i += 4) {
            tile4x8(
              xAt + ((<usize>i) << 2),
              xRow,
              xPixel,
              dyAt + oBytes,
              dyRow,
              dyPixel,
              rows,
              width,
              outTap + <usize>i * outRow + oBytes,
              outRow,
            );
          }
          for (; i < m; i++)
            tile1x8(xAt + ((<usize>i) << 2), xRow, xPixel, dyAt + oBytes, dyRow, dyPixel, rows, width, outTap + <usize>i * outRow + oBytes);
          o += 8;
        } else {
          for (let i: i32 = 0; i < m; i++) {
            tile1x1(xAt + ((<usize>i) << 2), xRow, xPixel, dyAt + oBytes, dyRow, dyPixel, rows, width, outTap + <usize>i * outRow + oBytes);
          }
          o++;
        }
      }
    }
  }
}
