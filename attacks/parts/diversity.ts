/** Input diversity, Xie et al. 2019 (arXiv 1803.06978): gradients taken through random resizing and padding carry over better to other models. */
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Target } from '../attack.ts';

/**
 * One axis as a matrix `[size,size]`, row by row: bilinear resizing to `inner` pixels (half-pixel centres), placed at `offset` among zeros.
 * `inner = size` and `offset = 0` give the identity.
 */
export function resizeAndPad(size: number, inner: number, offset: number): Float32Array {
  const matrix = new Float32Array(size * size);
  const add = (row: number, column: number, weight: number) => {
    const at = row * size + Math.min(Math.max(column, 0), size - 1);
    matrix[at] = (matrix[at] as number) + weight;
  };
  for (let i = 0; i < inner; i++) {
    const source = ((i + 0.5) * size) / inner - 0.5;
    const floor = Math.floor(source);
    add(offset + i, floor, 1 - (source - floor));
    add(offset + i, floor + 1, source - floor);
  }
  return matrix;
}

/** Multiplies the rows and the columns of every image of `x` `[n,h,w,c]` by its matrices, `[n,h,h]` and `[n,w,w]`; transposed for gradients. */
function resample(x: tf.Tensor4D, rows: tf.Tensor3D, columns: tf.Tensor3D, transposed: boolean): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  return tf.tidy(() => {
    const down = tf.matMul(rows, x.reshape([n, h, w * c]) as tf.Tensor3D, transposed, false);
    const turned = down.reshape([n, h, w, c]).transpose([0, 2, 1, 3]);
    const across = tf.matMul(columns, turned.reshape([n, w, h * c]) as tf.Tensor3D, transposed, false);
    return across.reshape([n, w, h, c]).transpose([0, 2, 1, 3]) as tf.Tensor4D;
  });
}

/**
 * The gradient of `target` through a fresh random transformation at every call: with `probability`, an image shrinks to a side
 * between `smallest` and 1 times its own and is padded with zeros at random. Each image has its own generator.
 */
export function diverse(
  target: Pick<Target, 'gradient'>,
  rngs: readonly Rng[],
  { probability, smallest }: { probability: number; smallest: number },
): Pick<Target, 'gradient'> {
  return {
    gradient(x, loss, whose) {
      const [n, h, w] = x.shape;
      const rows = new Float32Array(n * h * h);
      const columns = new Float32Array(n * w * w);
      rngs.forEach((rng, i) => {
        const scale = rng.next() < probability ? smallest + (1 - smallest) * rng.next() : 1;
        for (const [size, out] of [
          [h, rows],
          [w, columns],
        ] as const) {
          const inner = Math.round(size * scale);
          out.set(resizeAndPad(size, inner, rng.int(size - inner + 1)), i * size * size);
        }
      });
      const [r, c] = [tf.tensor3d(rows, [n, h, h]), tf.tensor3d(columns, [n, w, w])];
      const seen = resample(x, r, c, false);
      const through = target.gradient(seen, loss, whose);
      const grad = resample(through.grad, r, c, true);
      tf.dispose([r, c, seen, through.grad]);
      return { ...through, grad };
    },
  };
}
