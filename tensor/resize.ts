/** Resizing and padding of images as a product with one matrix per axis: linear, so that the gradient is the product with the transposed ones. */
import { tf } from './tf.ts';

/**
 * One axis as a matrix `[size,size]`, row by row: bilinear resizing to `inner <= size` pixels (half-pixel centres), placed at `offset` among
 * zeros. `inner = size` and `offset = 0` give the identity.
 */
export function resizeAndPad(size: number, inner: number, offset: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < inner; i++) {
    const source = ((i + 0.5) * size) / inner - 0.5;
    const floor = Math.floor(source);
    const row = (offset + i) * size;
    matrix[row + floor] = 1 - (source - floor);
    if (floor + 1 < size) matrix[row + floor + 1] = source - floor;
  }
  return matrix;
}

/** How one image is resized and placed, for height and width. */
export interface Placement {
  readonly inner: readonly [number, number];
  readonly offset: readonly [number, number];
}

/** A linear map of a batch `[n,h,w,c]`, and its transpose for gradients. The caller owns what they return, and disposes the map. */
export interface Resampling {
  apply(x: tf.Tensor4D): tf.Tensor4D;
  pullback(dy: tf.Tensor4D): tf.Tensor4D;
  dispose(): void;
}

/** Resizes and pads every image of a batch of size `h` x `w` by its own placement. */
export function resampling(h: number, w: number, placements: readonly Placement[]): Resampling {
  const n = placements.length;
  const axis = (size: number, at: 0 | 1): tf.Tensor3D => {
    const all = new Float32Array(n * size * size);
    placements.forEach(({ inner, offset }, i) => {
      all.set(resizeAndPad(size, inner[at], offset[at]), i * size * size);
    });
    return tf.tensor3d(all, [n, size, size]);
  };
  const [rows, columns] = [axis(h, 0), axis(w, 1)];
  const both = (x: tf.Tensor4D, transposed: boolean): tf.Tensor4D =>
    tf.tidy(() => {
      const c = x.shape[3];
      const down = tf.matMul(rows, x.reshape<tf.Tensor3D>([n, h, w * c]), transposed).reshape([n, h, w, c]);
      const turned = down.transpose([0, 2, 1, 3]).reshape<tf.Tensor3D>([n, w, h * c]);
      return tf.matMul(columns, turned, transposed).reshape([n, w, h, c]).transpose([0, 2, 1, 3]) as tf.Tensor4D;
    });
  return { apply: (x) => both(x, false), pullback: (dy) => both(dy, true), dispose: () => tf.dispose([rows, columns]) };
}
