/** The side of the smallest square that holds all pixels that differ: no norm, but a size of perturbations like one. A ball is all points that change one square of a side, anywhere, by as much as the box allows. */
import type { Rng } from '../rng.ts';
import { tf } from '../tf.ts';
import { L0Pixels } from './l0.ts';
import type { Norm } from './norm.ts';

/** How far the changes of `changed` `[n,k]` of 0 and 1 reach, `[n]`: from the first to the last. In a tidy of the caller's. */
function reachOf(changed: tf.Tensor2D): tf.Tensor1D {
  const k = changed.shape[1];
  const place = tf.range(1, k + 1, 1, 'float32').reshape([1, k]);
  const last = changed.mul(place).max(1);
  const first = changed.mul(tf.sub(k + 1, place)).max(1);
  // the first from the end, and the last from the start, count their own place twice
  return tf.relu(last.add(first).sub(k)) as tf.Tensor1D;
}

/** 1 in the square of side `side` whose upper left corner is at each of `corners`, `[n,h,w,1]`; the caller owns it. */
export function squares(corners: readonly (readonly [number, number])[], side: number, [h, w]: readonly [number, number]): tf.Tensor4D {
  const mask = new Float32Array(corners.length * h * w);
  corners.forEach(([top, left], i) => {
    for (let row = top; row < Math.min(top + side, h); row++)
      for (let column = left; column < Math.min(left + side, w); column++) mask[(i * h + row) * w + column] = 1;
  });
  return tf.tensor4d(mask, [corners.length, h, w, 1]);
}

/**
 * Where the squares of side `side` hold the most of `weights` `[n,h,w]`, given on the host: of each example up to `most` corners, the
 * heaviest first, none nearer than half a side, both ways, to one before it.
 */
export function heaviest(weights: Float32Array, [n, h, w]: readonly [number, number, number], side: number, most: number) {
  const [tall, wide] = [Math.min(side, h), Math.min(side, w)];
  return Array.from({ length: n }, (_, i) => {
    const own = weights.subarray(i * h * w, (i + 1) * h * w);
    const all: { at: [number, number]; weight: number }[] = [];
    for (let top = 0; top + tall <= h; top++)
      for (let left = 0; left + wide <= w; left++) {
        let weight = 0;
        for (let row = top; row < top + tall; row++)
          for (let column = left; column < left + wide; column++) weight += own[row * w + column] as number;
        all.push({ at: [top, left], weight });
      }
    all.sort((a, b) => b.weight - a.weight || a.at[0] - b.at[0] || a.at[1] - b.at[1]);
    const taken: [number, number][] = [];
    const apart = ([top, left]: [number, number]) => taken.every(([y, x]) => 2 * Math.max(Math.abs(top - y), Math.abs(left - x)) >= side);
    for (const { at } of all) if (taken.length < most && apart(at)) taken.push(at);
    return taken;
  });
}

const changedIn = (delta: tf.Tensor4D) => delta.abs().max(3).greater(0).cast('float32') as tf.Tensor3D;

function size(delta: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => {
    const changed = changedIn(delta);
    return tf.maximum(reachOf(changed.max(2)), reachOf(changed.max(1))) as tf.Tensor1D;
  });
}

/** The square that holds the most of the change, in the box, and the image around it. */
function project(x: tf.Tensor4D, origin: tf.Tensor4D, eps: number | tf.Tensor): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w] = x.shape;
    const inBox = tf.clipByValue(x, 0, 1) as tf.Tensor4D;
    const weights = inBox.sub(origin).square().sum(3).dataSync() as Float32Array;
    const sides = Array.from({ length: n }, (_, i) => Math.floor(typeof eps === 'number' ? eps : (eps.dataSync()[i] as number)));
    const masks = sides.map((side, i) => {
      const own = weights.subarray(i * h * w, (i + 1) * h * w);
      return squares(side < 1 ? [[h, w]] : (heaviest(own, [1, h, w], side, 1)[0] as [number, number][]), side, [h, w]);
    });
    return tf.where(tf.concat(masks, 0).mul(tf.onesLike(x)).cast('bool'), inBox, origin) as tf.Tensor4D;
  });
}

export const Patch: Norm = {
  ...L0Pixels,
  name: 'patch',
  size,
  /** As large as any side: a bound. */
  ofOnes: (d) => d,
  project,
  /** A square at a random place, each value uniform. */
  inBall([n, h, w, c], eps, rng: Rng) {
    const side = Math.floor(eps);
    const points = new Float32Array(n * h * w * c);
    for (let i = 0; i < n; i++) {
      const [tall, wide] = [Math.min(side, h), Math.min(side, w)];
      const [top, left] = [rng.int(h - tall + 1), rng.int(w - wide + 1)];
      for (let row = top; row < top + tall; row++)
        for (let at = left * c; at < (left + wide) * c; at++) points[(i * h + row) * w * c + at] = 2 * rng.next() - 1;
    }
    return tf.tensor4d(points, [n, h, w, c]);
  },
};
