/** A classifier behind a transformation of its input, with the gradient that the transformation gives. */
import { linearizeClassifier } from '../../attacks/target.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier, Linearized } from '../../models/classifier.ts';
import type { Rng } from '../../tensor/rng.ts';
import type { Shape, tf } from '../../tensor/tf.ts';

/** One transformation of a batch. `dispose` frees what the two functions hold; their results are the caller's. */
export interface Transformation {
  apply(x: tf.Tensor4D): tf.Tensor4D;
  /** From the gradient at the transformed images to that at the images. */
  pullback(dy: tf.Tensor4D): tf.Tensor4D;
  dispose(): void;
}

/** A transformation with rounding in it, whose gradient is taken to be the identity (Athalye et al. 2018, arXiv 1802.00420, section 4.1). */
export function straightThrough(apply: (x: tf.Tensor4D) => tf.Tensor4D): Omit<Transformation, 'dispose'> {
  return { apply, pullback: (dy) => dy.clone() };
}

/** `inner` on what `transformation` makes of its input. Owns `inner`. */
export function behind(inner: Classifier, { apply, pullback }: Omit<Transformation, 'dispose'>): Classifier {
  return wrapped(inner, inner.randomized ?? false, () => ({ apply, pullback, dispose: () => {} }));
}

/** `inner` on what `draw` makes of its input, asked anew for every forward pass with one generator per image. Owns `inner`. */
export function behindRandom(inner: Classifier, draw: (rngs: readonly Rng[]) => Transformation): Classifier {
  return wrapped(inner, true, (n, rngs) => {
    if (rngs?.length !== n)
      throw new RampartError(`[random classifier] expected ${n} generators, one per image, got ${rngs?.length ?? 'none'}`);
    return draw(rngs);
  });
}

function wrapped(inner: Classifier, randomized: boolean, make: (n: number, rngs?: readonly Rng[]) => Transformation): Classifier {
  const ofInner = (rngs?: readonly Rng[]) => (inner.randomized ? rngs?.map((rng) => rng.fork('inner')) : undefined);
  const { features } = inner;
  /** A pass of `inner`, or of a part of it, on what the transformation makes of `x`. */
  const behindIt = (
    x: tf.Tensor4D,
    rngs: readonly Rng[] | undefined,
    pass: (y: tf.Tensor4D, draws?: readonly Rng[]) => Linearized,
  ): Linearized => {
    const transformation = make(x.shape[0], rngs);
    const y = transformation.apply(x);
    const { logits, pullback, dispose } = pass(y, ofInner(rngs));
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
  };
  return {
    classes: inner.classes,
    inputShape: inner.inputShape as Shape,
    randomized,
    logits(x, rngs) {
      const transformation = make(x.shape[0], rngs);
      const y = transformation.apply(x);
      const logits = inner.logits(y, ofInner(rngs));
      y.dispose();
      transformation.dispose();
      return logits;
    },
    linearize: (x, rngs) => behindIt(x, rngs, (y, draws) => linearizeClassifier(inner, y, draws)),
    features: features && {
      width: features.width,
      linearize: (x, rngs) => behindIt(x, rngs, (y, draws) => features.linearize(y, draws)),
      logits: (z) => features.logits(z),
    },
    dispose: () => inner.dispose(),
  };
}
