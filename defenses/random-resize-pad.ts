/** Random resizing and padding, Xie et al. 2018 (arXiv 1711.01991). The network's input has one size here, so images shrink by up to `shrink` pixels and zeros fill what is left. */
import { z } from 'zod';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { behindRandom, type Transformation } from './parts/wrap.ts';

const params = z.strictObject({
  shrink: z.number().int().min(1).default(4).describe('Largest number of pixels that height and width lose'),
});

/** Bilinear weights `[size,size]` that shrink a line to `small` and put it at `offset`, row by row. */
export function resizeRows(size: number, small: number, offset: number): Float32Array {
  const rows = new Float32Array(size * size);
  for (let i = 0; i < small; i++) {
    const at = Math.min(size - 1, Math.max(0, ((i + 0.5) * size) / small - 0.5));
    const low = Math.floor(at);
    const row = (offset + i) * size;
    rows[row + low] = 1 - (at - low);
    if (low + 1 < size) rows[row + low + 1] = at - low;
  }
  return rows;
}

/** One size and one place per image, from the generator of each: `y = R x C^T` in every channel, so that the gradient is exact. */
function draw(rngs: readonly Rng[], [height, width]: readonly number[], shrink: number): Transformation {
  const n = rngs.length;
  const [h, w] = [height as number, width as number];
  const rows = new Float32Array(n * h * h);
  const columns = new Float32Array(n * w * w);
  rngs.forEach((rng, i) => {
    const less = rng.int(shrink + 1);
    rows.set(resizeRows(h, h - less, rng.int(less + 1)), i * h * h);
    columns.set(resizeRows(w, w - less, rng.int(less + 1)), i * w * w);
  });
  const r = tf.tensor3d(rows, [n, h, h]);
  const c = tf.tensor3d(columns, [n, w, w]);
  const both = (x: tf.Tensor4D, transposed: boolean): tf.Tensor4D =>
    tf.tidy(() => {
      const channels = x.shape[3];
      const down = tf.matMul(r, x.reshape([n, h, w * channels]) as tf.Tensor3D, transposed).reshape([n, h, w, channels]);
      const sideways = down.transpose([0, 2, 1, 3]).reshape([n, w, h * channels]) as tf.Tensor3D;
      return tf.matMul(c, sideways, transposed).reshape([n, w, h, channels]).transpose([0, 2, 1, 3]) as tf.Tensor4D;
    });
  return { apply: (x) => both(x, false), pullback: (dy) => both(dy, true), dispose: () => tf.dispose([r, c]) };
}

export default defineDefense<z.infer<typeof params>>({
  name: 'random-resize-pad',
  title: 'Random resizing and padding',
  paper: 'Xie et al. 2018 (arXiv 1711.01991)',
  references: [
    {
      key: 'xie2018mitigating',
      author: 'Xie, Cihang and Wang, Jianyu and Zhang, Zhishuai and Ren, Zhou and Yuille, Alan',
      title: 'Mitigating Adversarial Effects Through Randomization',
      venue: 'International Conference on Learning Representations',
      year: 2018,
      arxiv: '1711.01991',
    },
  ],
  version: 2,
  kind: 'wrapper',
  gradient: 'exact',
  randomized: true,
  params,
  apply: ({ shrink }, classifier) => behindRandom(classifier, (rngs) => draw(rngs, classifier.inputShape, shrink)),
});
