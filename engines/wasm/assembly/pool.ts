/** The gradient of max pooling. */

/** Adds each `dy` `[oh,ow,c]` of one image to `dx` `[h,w,c]` where its window had its first largest value. */
export function maxPoolGrad(
  x: usize,
  dy: usize,
  h: i32,
  w: i32,
  c: i32,
  oh: i32,
  ow: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  top: i32,
  left: i32,
  dx: usize,
): void {
  for (let y: i32 = 0; y < oh; y++) {
    const y0 = max(0, y * sh - top);
    const y1 = min(h, y * sh - top + kh);
    for (let o: i32 = 0; o < ow; o++) {
      const x0 = max(0, o * sw - left);
      const x1 = min(w, o * sw - left + kw);
      for (let i: i32 = 0; i < c; i++) {
        let best: f32 = -Infinity;
        let at: i32 = -1;
        for (let r: i32 = y0; r < y1; r++) {
          for (let q: i32 = x0; q < x1; q++) {
            const offset = ((r * w + q) * c + i) << 2;
            const v = load<f32>(x + offset);
            if (at < 0 || v > best) {
              best = v;
              at = offset;
            }
          }
        }
        if (at >= 0) store<f32>(dx + at, load<f32>(dx + at) + load<f32>(dy));
        dy += 4;
      }
    }
  }
}
