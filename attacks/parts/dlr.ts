/** The difference of logits ratio, Croce and Hein 2020 (arXiv 2003.01690), eq. 6 and 7: a margin that no scale of the logits can mask. */
import { tf } from '../../tensor/tf.ts';
import type { Loss } from '../attack.ts';

const TINY = 1e-12;

/** `-(z_y - z_other) / ratio` with its gradient written out: sorting has none in TensorFlow.js. All masks are `[n,classes]`. */
function ratioLoss(z: tf.Tensor2D, right: tf.Tensor, other: tf.Tensor, weights: tf.Tensor): ReturnType<NonNullable<Loss['withGradient']>> {
  const toward = right.sub(other);
  const numerator = z.mul(toward).sum(1, true);
  const denominator = z.mul(weights).sum(1, true).add(TINY);
  const value = numerator.div(denominator).neg();
  const grad = toward.add(weights.mul(value)).div(denominator).neg();
  return { value: value.squeeze([1]) as tf.Tensor1D, grad: grad as tf.Tensor2D };
}

function withGradient(compute: NonNullable<Loss['withGradient']>): Loss {
  const loss = (logits: tf.Tensor2D) =>
    tf.customGrad((...args: unknown[]) => {
      const [z, save] = args as [tf.Tensor2D, (t: tf.Tensor[]) => void];
      const { value, grad } = compute(z);
      save([grad]);
      return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => (saved[0] as tf.Tensor).mul(dy.expandDims(1)) };
    })(logits) as tf.Tensor1D;
  return Object.assign(loss, { withGradient: compute });
}

/** Masks `[n,classes]` of the `k` largest logits of every example, the largest first. */
function largest(z: tf.Tensor2D, k: number): tf.Tensor[] {
  const { indices } = tf.topk(z, k, true);
  return tf.unstack(indices, 1).map((index) => tf.oneHot(index as tf.Tensor1D, z.shape[1]).cast('float32'));
}

/** Untargeted: the right logit against the largest other, over the largest minus the third. `y` is `[n]` int32; at least three classes. */
export function dlr(y: tf.Tensor1D): Loss {
  return withGradient((z) => {
    const right = tf.oneHot(y, z.shape[1]).cast('float32');
    const [first, second, third] = largest(z, 3) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const isRight = first.mul(right).sum(1, true);
    const other = second.mul(isRight).add(first.mul(tf.sub(1, isRight)));
    return ratioLoss(z, right, other, first.sub(third));
  });
}

/** Targeted: the right logit against that of class `t`, `[n]` int32 or what makes it anew, over the largest minus the mean of third and fourth. At least four classes. */
export function targetedDlr(y: tf.Tensor1D, t: tf.Tensor1D | (() => tf.Tensor1D)): Loss {
  return withGradient((z) => {
    const classes = z.shape[1];
    const [first, , third, fourth] = largest(z, 4) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const weights = first.sub(third.add(fourth).mul(0.5));
    return ratioLoss(
      z,
      tf.oneHot(y, classes).cast('float32'),
      tf.oneHot(typeof t === 'function' ? t() : t, classes).cast('float32'),
      weights,
    );
  });
}
