/** Back into the threat model: the ball around the clean image, cut with the box [0,1]. */
import { tf } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';

/** A value per example as `[n,1,1,1]`. */
const perExample = (t: tf.Tensor) => t.reshape([-1, 1, 1, 1]) as tf.Tensor4D;

/** The L2 norm of every example, `[n,1,1,1]`. */
export function l2Norm(t: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => perExample(t.square().sum([1, 2, 3]).sqrt()));
}

/**
 * The point of the ball and the box for every point of `x`; `x` and `origin` are `[n,h,w,c]`, `origin` in the box.
 * Linf: the nearest one. L2: scaled back to the sphere, then cut to the box, as PGD is published. The caller owns the result.
 */
export function project(x: tf.Tensor4D, origin: tf.Tensor4D, threat: Threat & { norm: 'Linf' | 'L2' }): tf.Tensor4D {
  const { norm, eps } = threat;
  return tf.tidy(() => {
    if (norm === 'Linf') return tf.clipByValue(tf.minimum(tf.maximum(x, origin.sub(eps)), origin.add(eps)), 0, 1);
    const delta = x.sub(origin) as tf.Tensor4D;
    const shrink = tf.minimum(1, tf.div(eps, tf.maximum(l2Norm(delta), 1e-12)));
    return tf.clipByValue(origin.add(delta.mul(shrink)), 0, 1) as tf.Tensor4D;
  });
}
