/** Attention within windows of an image, with a bias by relative position: Swin, Liu et al. 2021 (arXiv 2103.14030), section 3.2. */
import { tf } from '../../tensor/tf.ts';

export interface Windows {
  readonly heads: number;
  /** Side of a window. */
  readonly window: number;
  /** By how many points the image is moved up and left before it is cut. */
  readonly shift: number;
}

/** What a score of two points is lowered by that the shift has brought into one window: as in the authors' code. */
const APART = -100;

/** `x` moved by `by` points along an axis, around the edge. */
function roll(x: tf.Tensor4D, axis: 1 | 2, by: number): tf.Tensor4D {
  const size = x.shape[axis];
  const at = ((by % size) + size) % size;
  if (at === 0) return x;
  const [last, first] = tf.split(x, [size - at, at], axis) as [tf.Tensor4D, tf.Tensor4D];
  return tf.concat([first, last], axis);
}

/** `[n,h,w,c]` as `[n * windows, side * side, c]`. */
function cut(x: tf.Tensor4D, side: number): tf.Tensor3D {
  const [n, h, w, c] = x.shape;
  return x
    .reshape([(n * h) / side, side, w / side, side * c])
    .transpose([0, 2, 1, 3])
    .reshape([-1, side * side, c]);
}

function joined(windows: tf.Tensor, side: number, [n, h, w]: readonly number[], c: number): tf.Tensor4D {
  return windows
    .reshape([((n as number) * (h as number)) / side, (w as number) / side, side, side * c])
    .transpose([0, 2, 1, 3])
    .reshape([n as number, h as number, w as number, c]);
}

/** Row of the table for every pair of points of a window: by how many rows and columns the second is before the first. */
function pairs(side: number): Int32Array {
  const points = side * side;
  const reach = 2 * side - 1;
  return Int32Array.from({ length: points * points }, (_, pair) => {
    const [a, b] = [Math.floor(pair / points), pair % points];
    const rows = Math.floor(a / side) - Math.floor(b / side) + side - 1;
    return rows * reach + (a % side) - (b % side) + side - 1;
  });
}

/** `[1,windows,1,points * points]`: `APART` for pairs that lie in one window only because the image was moved. */
function mask(h: number, w: number, { window, shift }: Windows): tf.Tensor4D {
  const part = (at: number, size: number) => (at < size - window ? 0 : at < size - shift ? 1 : 2);
  const regions = tf.tensor4d(
    Float32Array.from({ length: h * w }, (_, i) => 3 * part(Math.floor(i / w), h) + part(i % w, w)),
    [1, h, w, 1],
  );
  const own = cut(regions, window);
  const apart = own
    .notEqual(own.transpose([0, 2, 1]))
    .cast('float32')
    .mul(APART);
  return apart.reshape([1, own.shape[0], 1, -1]);
}

/** Rows of a table `[m,heads]`; its gradient as a product with a one-hot matrix, for engines whose `gather` has none. */
function rowsOf(table: tf.Tensor2D, rows: Int32Array): tf.Tensor2D {
  return tf.customGrad((t: tf.Tensor | tf.GradSaveFunc) => {
    const [m] = (t as tf.Tensor2D).shape;
    const gradFunc = (dy: tf.Tensor) =>
      tf.matMul(tf.oneHot(tf.tensor1d(rows, 'int32'), m).cast('float32') as tf.Tensor2D, dy as tf.Tensor2D, true, false);
    return { value: tf.gather(t as tf.Tensor2D, tf.tensor1d(rows, 'int32')), gradFunc };
  })(table) as tf.Tensor2D;
}

/** Self-attention of `qkv` `[n,h,w,3c]` within windows: `[n,h,w,c]`. `table` is flat, `[(2 window - 1)^2, heads]`. To be called in a tidy. */
export function attendWindows(qkv: tf.Tensor4D, table: tf.Tensor, options: Windows): tf.Tensor4D {
  const { heads, window, shift } = options;
  const [n, h, w, width] = qkv.shape;
  const points = window * window;
  const d = width / 3 / heads;
  const parts = cut(roll(roll(qkv, 1, -shift), 2, -shift), window);
  const [q, k, v] = tf.unstack(parts.reshape([-1, points, 3, heads, d]).transpose([2, 0, 3, 1, 4])) as [
    tf.Tensor4D,
    tf.Tensor4D,
    tf.Tensor4D,
  ];
  const bias = rowsOf(table.reshape([-1, heads]), pairs(window))
    .transpose()
    .reshape([1, 1, heads, points * points]);
  let scores = tf
    .matMul(q, k, false, true)
    .mul(1 / Math.sqrt(d))
    .reshape([n, -1, heads, points * points])
    .add(bias) as tf.Tensor4D;
  if (shift > 0) scores = scores.add(mask(h, w, options));
  const weights = tf.softmax(scores.reshape([-1, heads, points, points]));
  const mixed = tf.matMul(weights, v).transpose([0, 2, 1, 3]);
  return roll(roll(joined(mixed, window, [n, h, w], width / 3), 1, shift), 2, shift);
}

/** Each square of 2x2 points as one, its channels one after the other, the left column first: `[n,h,w,c]` to `[n,h/2,w/2,4c]`. */
export function mergePatches(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const columns = x.reshape([(n * h) / 2, 2, w / 2, 2 * c]).transpose([0, 2, 1, 3]);
  // [.., row, column * c] to [.., column, row, c]
  return columns
    .reshape([(n * h * w) / 4, 2, 2, c])
    .transpose([0, 2, 1, 3])
    .reshape([n, h / 2, w / 2, 4 * c]);
}
