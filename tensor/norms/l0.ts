/** How much of an image differs: no norms, but sizes of perturbations like them. Their balls are all points that change so much of it, each value by as much as the box allows. */
import type { Rng } from '../rng.ts';
import { tf } from '../tf.ts';
import type { Norm } from './norm.ts';

/** What is counted, of a batch `[n,h,w,c]`: how large the change of each unit is, `[n,h,w,c]` for values or `[n,h,w,1]` for pixels. */
type Units = (delta: tf.Tensor4D) => tf.Tensor4D;

const rows = (t: tf.Tensor) => t.reshape([t.shape[0] as number, -1]) as tf.Tensor2D;

/** `count` of 0..n-1, without putting back. */
function drawnPlaces(n: number, count: number, rng: Rng): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const other = i + rng.int(n - i);
    [all[i], all[other]] = [all[other] as number, all[i] as number];
  }
  return all.slice(0, count);
}

/** 1 at the `counts` `[n,1]` largest of each row of `sizes` `[n,d]`; of equal ones at the first. In a tidy of the caller's. */
function largest(sizes: tf.Tensor2D, counts: tf.Tensor2D): tf.Tensor2D {
  const [, d] = sizes.shape;
  const { values } = tf.topk(sizes, d, true);
  const last = tf
    .oneHot(
      tf
        .clipByValue(counts.sub(1), 0, d - 1)
        .reshape([-1])
        .cast('int32'),
      d,
    )
    .cast('float32');
  const least = values.mul(last).sum(1, true);
  const more = sizes.greater(least).cast('float32');
  const equal = sizes.equal(least).cast('float32');
  const room = counts.sub(more.sum(1, true));
  const first = tf.cumsum(equal, 1).lessEqual(room).cast('float32').mul(equal);
  return more.add(first).mul(counts.greater(0).cast('float32')) as tf.Tensor2D;
}

/** One value changed by 1, up or down. */
function onSphere(d: number, rng: Rng): Float32Array {
  const point = new Float32Array(d);
  point[rng.int(d)] = rng.next() < 0.5 ? -1 : 1;
  return point;
}

function countOf(name: string, units: Units, perUnit: (channels: number) => number): Norm {
  return {
    name,
    inGreyLevels: false,
    size: (delta) => tf.tidy(() => rows(units(delta)).notEqual(0).cast('float32').sum(1) as tf.Tensor1D),
    /** While no value changes by more than 1. */
    dual: (w) => tf.tidy(() => (perUnit(2) === 1 ? rows(w).abs().max(1) : rows(w.abs().sum(3)).max(1)) as tf.Tensor1D),
    /** Of pixels this is as many as there would be of one channel: a bound. */
    ofOnes: (d) => d,
    /** The box first; then what changes most stays, and the rest is as it was, to the bit. */
    project: (x, origin, eps) =>
      tf.tidy(() => {
        const inBox = tf.clipByValue(x, 0, 1) as tf.Tensor4D;
        const sizes = units(inBox.sub(origin));
        const counts = (typeof eps === 'number' ? tf.fill([x.shape[0], 1], eps) : rows(eps)).floor() as tf.Tensor2D;
        const kept = largest(rows(sizes), counts).reshape(sizes.shape).mul(tf.onesLike(x));
        return tf.where(kept.cast('bool'), inBox, origin) as tf.Tensor4D;
      }),
    /** As many as the radius allows, at random places, each value uniform. */
    inBall(shape, eps, rng) {
      const [n, h, w, c] = shape;
      const width = perUnit(c);
      const all = (h * w * c) / width;
      const points = new Float32Array(n * h * w * c);
      for (let i = 0; i < n; i++)
        for (const place of drawnPlaces(all, Math.min(Math.floor(eps), all), rng))
          for (let k = 0; k < width; k++) points[(i * all + place) * width + k] = 2 * rng.next() - 1;
      return tf.tensor4d(points, shape);
    },
    onSphere,
    start: onSphere,
  };
}

/** Values that differ, each channel of a pixel by itself: features, as the papers of gradient attacks on L0 count. */
export const L0 = countOf(
  'L0',
  (delta) => delta.abs(),
  () => 1,
);

/** Pixels that differ in any channel, as one-pixel attacks and Sparse-RS count. */
export const L0Pixels = countOf(
  'L0-pixels',
  (delta) => delta.square().sum(3, true) as tf.Tensor4D,
  (channels) => channels,
);
