/** A classifier behind a transformation of its input, with the gradient that the transformation gives. */
import { linearizeClassifier } from '../../attacks/target.ts';
import type { Classifier } from '../../models/classifier.ts';
import type { Shape, tf } from '../../tensor/tf.ts';

/** One transformation of a batch. `dispose` frees what the two functions hold; their results are the caller's. */
export interface Transformation {
  apply(x: tf.Tensor4D): tf.Tensor4D;
  /** From the gradient at the transformed images to that at the images. */
  pullback(dy: tf.Tensor4D): tf.Tensor4D;
  dispose(): void;
}

/** A transformation with rounding in it, whose gradient is taken to be the identity (Athalye et al. 2018, arXiv 1802.00420, section 4.1). */
export function straightThrough(apply: (x: tf.Tensor4D) => tf.Tensor4D): Transformation {
  return { apply, pullback: (dy) => dy.clone(), dispose: () => {} };
}

/** `inner` on what `draw` makes of its input; `draw` is asked anew for every forward pass of `n` images. `reseed` is there where draws are random. Owns `inner`. */
export function behind(inner: Classifier, draw: (n: number) => Transformation, reseed?: (key: string) => void): Classifier {
  return {
    classes: inner.classes,
    inputShape: inner.inputShape as Shape,
    randomized: reseed !== undefined || (inner.randomized ?? false),
    reseed(key) {
      reseed?.(key);
      inner.reseed?.(key);
    },
    logits(x) {
      const transformation = draw(x.shape[0]);
      const y = transformation.apply(x);
      const logits = inner.logits(y);
      y.dispose();
      transformation.dispose();
      return logits;
    },
    linearize(x) {
      const transformation = draw(x.shape[0]);
      const y = transformation.apply(x);
      const { logits, pullback, dispose } = linearizeClassifier(inner, y);
      return {
        logits,
        pullback(dlogits) {
          const dy = pullback(dlogits);
          const dx = transformation.pullback(dy);
          dy.dispose();
          return dx;
        },
        dispose() {
          dispose();
          y.dispose();
          transformation.dispose();
        },
      };
    },
    dispose: () => inner.dispose(),
  };
}
