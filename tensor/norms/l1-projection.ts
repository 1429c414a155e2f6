/** The Euclidean projection of a batch onto the L1 ball cut with the box, Croce and Hein 2021 (arXiv 2103.01208), proposition 2.1. `l1-on-host.ts` is the same for one image without an engine. */
import { tf } from '../tf.ts';

/** Halvings of the bracket: the threshold is then exact to float32 beside the largest coordinate. */
const HALVINGS = 24;

/**
 * The step that brings `x + delta` to the nearest point whose L1 distance from `x` is at most `eps` and that lies in [0,1]^d; `x` (in the box) and
 * `delta` are `[n,d]`, `eps` is `[n,1]`. The caller owns the result `[n,d]`.
 *
 * Every coordinate of `delta` shrinks by `clip(alpha, outside, |delta|)`, `outside` being how far it leaves the box: only the `alpha`
 * of each example is unknown. The shrinkage summed grows with `alpha` in straight pieces, so halving a bracket and one
 * step on the last piece find it without sorting.
 */
export function stepIntoL1Ball(x: tf.Tensor2D, delta: tf.Tensor2D, eps: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const moved = x.add(delta);
    const outside = tf.relu(tf.maximum(moved.neg(), moved.sub(1)));
    const size = delta.abs();
    const excess = size.sum(1, true).sub(eps);
    const shrunkBy = (alpha: tf.Tensor) => tf.minimum(tf.maximum(outside, alpha), size);
    let low = tf.zerosLike(excess);
    let high = size.max(1, true);
    for (let i = 0; i < HALVINGS; i++) {
      [low, high] = tf.tidy(() => {
        const middle = low.add(high).mul(0.5);
        const less = shrunkBy(middle).sum(1, true).less(excess).cast('float32');
        const more = tf.sub(1, less);
        return [middle.mul(less).add(low.mul(more)), middle.mul(more).add(high.mul(less))] as unknown as tf.TensorContainer;
      }) as unknown as [tf.Tensor, tf.Tensor];
    }
    const onPiece = tf
      .step(tf.sub(high, outside))
      .mul(tf.step(tf.sub(size, low)))
      .sum(1, true);
    const rest = tf.relu(excess.sub(shrunkBy(low).sum(1, true)));
    const exact = tf.minimum(low.add(rest.div(tf.maximum(onPiece, 1))), high);
    // inside the ball once it is in the box: nothing but the box shrinks it
    const alpha = exact.mul(outside.sum(1, true).less(excess).cast('float32'));
    return delta.sign().mul(shrunkBy(alpha)).neg() as tf.Tensor2D;
  });
}
