/** Ten ways to look robust: honest classifiers, broken on purpose. Each owns what it is made of. */
import { linearizeClassifier } from '../../attacks/target.ts';
import { JpegCodec } from '../../defenses/parts/jpeg-codec.ts';
import { behind } from '../../defenses/parts/wrap.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

/** `inner` with other logits: `pullback` takes a gradient at the new ones to one at its own. */
function withLogits(
  inner: Classifier,
  change: (logits: tf.Tensor2D) => tf.Tensor2D,
  pullback: (dlogits: tf.Tensor2D) => tf.Tensor2D,
): Classifier {
  const { classes, inputShape } = inner;
  const changed = (logits: tf.Tensor2D) => {
    const result = change(logits);
    logits.dispose();
    return result;
  };
  return {
    classes,
    inputShape,
    logits: (x) => changed(inner.logits(x)),
    linearize(x) {
      const lin = linearizeClassifier(inner, x);
      const logits = change(lin.logits);
      return {
        logits,
        pullback: (dlogits) => {
          const own = pullback(dlogits);
          const dx = lin.pullback(own);
          own.dispose();
          return dx;
        },
        dispose() {
          lin.dispose();
          logits.dispose();
        },
      };
    },
    dispose: () => inner.dispose(),
  };
}

const scaled = (inner: Classifier, by: number) =>
  withLogits(
    inner,
    (z) => z.mul(by),
    (dz) => dz.mul(by),
  );

const blind = (dy: tf.Tensor4D) => tf.zerosLike(dy);

const quantise = (x: tf.Tensor4D, levels: number) => tf.tidy(() => x.mul(levels).round().div(levels) as tf.Tensor4D);

/** Values rounded to multiples of an eighth, with the gradient of rounding: zero. */
export const quantised = (inner: Classifier) => behind(inner, { apply: (x) => quantise(x, 8), pullback: blind });

/** The whole network is detached; what is differentiated is a linear skip beside it, of a hundredth of its size. */
export function detached(inner: Classifier): Classifier {
  const [h, w, c] = inner.inputShape;
  const d = h * w * c;
  const skip = tf.tensor2d(
    new Rng('skip').normal(d * inner.classes).map((v) => 0.002 * v),
    [d, inner.classes],
  );
  const linear = (x: tf.Tensor4D) => tf.matMul(x.reshape([-1, d]) as tf.Tensor2D, skip);
  const logits = (x: tf.Tensor4D) => {
    const own = inner.logits(x);
    const sum = tf.tidy(() => own.add(linear(x)) as tf.Tensor2D);
    own.dispose();
    return sum;
  };
  return {
    classes: inner.classes,
    inputShape: inner.inputShape,
    logits,
    linearize(x) {
      const z = logits(x);
      return {
        logits: z,
        pullback: (dz) => tf.tidy(() => tf.matMul(dz, skip, false, true).reshape(x.shape) as tf.Tensor4D),
        dispose: () => z.dispose(),
      };
    },
    dispose() {
      inner.dispose();
      skip.dispose();
    },
  };
}

export const saturated = (inner: Classifier) => scaled(inner, 1e6);

/** Gaussian noise on the image from a generator of its own, of which nobody is told. */
export function noisy(inner: Classifier): Classifier {
  const rng = new Rng('noise of its own');
  return behind(inner, {
    apply: (x) => tf.tidy(() => x.add(tf.tensor4d(rng.normal(x.size), x.shape).mul(0.1)) as tf.Tensor4D),
    pullback: (dy) => dy.clone(),
  });
}

/** A staircase, differentiated as if every other pixel fell where it rises. */
export function stepped(inner: Classifier): Classifier {
  const [h, w, c] = inner.inputShape;
  const board = tf.keep(
    tf.tensor4d(
      Float32Array.from({ length: h * w * c }, (_, i) => (((Math.floor(i / c) % w) + Math.floor(i / (c * w))) % 2 === 0 ? 1 : -1)),
      [1, h, w, c],
    ),
  );
  const staircase = behind(inner, { apply: (x) => quantise(x, 31), pullback: (dy) => dy.mul(board) as tf.Tensor4D });
  return {
    ...staircase,
    dispose() {
      staircase.dispose();
      board.dispose();
    },
  };
}

/** Logits over a temperature of 1/30, as after distillation at 30 (Papernot et al. 2016). */
export const cold = (inner: Classifier) => scaled(inner, 30);

/** Mean logits of a member and of a second one, `masked`, behind rounding: the gradient is that of the first alone. */
export function ensemble(inner: Classifier, masked: Classifier): Classifier {
  const blindMember = quantised(masked);
  const mean = (z: tf.Tensor2D, x: tf.Tensor4D) => {
    const other = blindMember.logits(x);
    const logits = tf.tidy(() => z.add(other).div(2) as tf.Tensor2D);
    other.dispose();
    return logits;
  };
  return {
    classes: inner.classes,
    inputShape: inner.inputShape,
    logits(x) {
      const z = inner.logits(x);
      const logits = mean(z, x);
      z.dispose();
      return logits;
    },
    linearize(x) {
      const lin = linearizeClassifier(inner, x);
      const logits = mean(lin.logits, x);
      return {
        logits,
        pullback(dlogits) {
          const half = tf.tidy(() => dlogits.div(2) as tf.Tensor2D);
          const dx = lin.pullback(half);
          half.dispose();
          return dx;
        },
        dispose() {
          lin.dispose();
          logits.dispose();
        },
      };
    },
    dispose() {
      inner.dispose();
      blindMember.dispose();
    },
  };
}

/** A sine of 0.02 and 3,000 a unit on every value: the derivative is right, and another one a 1/1000 further. */
export function shattered(inner: Classifier): Classifier {
  const [size, rate] = [0.02, 3000];
  return {
    ...behind(inner, { apply: (x) => tf.tidy(() => x.add(x.mul(rate).sin().mul(size)) as tf.Tensor4D), pullback: (dy) => dy.clone() }),
    linearize(x) {
      const moved = tf.tidy(() => x.add(x.mul(rate).sin().mul(size)) as tf.Tensor4D);
      const lin = linearizeClassifier(inner, moved);
      return {
        logits: lin.logits,
        pullback(dlogits) {
          const dy = lin.pullback(dlogits);
          const dx = tf.tidy(
            () =>
              dy.mul(
                x
                  .mul(rate)
                  .cos()
                  .mul(size * rate)
                  .add(1),
              ) as tf.Tensor4D,
          );
          dy.dispose();
          return dx;
        },
        dispose() {
          lin.dispose();
          moved.dispose();
        },
      };
    },
  };
}

/** JPEG with the gradient of its rounding. */
export function compressed(inner: Classifier): Classifier {
  const codec = new JpegCodec(inner.inputShape, 75);
  const wrapped = behind(inner, { apply: (x) => codec.apply(x), pullback: blind });
  return {
    ...wrapped,
    dispose() {
      codec.dispose();
      wrapped.dispose();
    },
  };
}

/** A million on every logit: float32 keeps sixteenths of what is left. */
export const shifted = (inner: Classifier) =>
  withLogits(
    inner,
    (z) => z.add(1e6),
    (dz) => dz.clone(),
  );
