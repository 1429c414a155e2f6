/** Classifiers for tests whose best perturbations are known in closed form. */
import type { Classifier } from '../../models/classifier.ts';
import type { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';

export interface Linear extends Classifier {
  /** `[d,classes]`, row by row. */
  readonly weights: Float32Array;
}

/** `logits = flatten(x) W + b`, whose features are `flatten(x)`; `bias` is 0 where absent. */
export function linearClassifier(shape: Shape, classes: number, weights: Float32Array, bias = new Float32Array(classes)): Linear {
  const d = shape[0] * shape[1] * shape[2];
  const w = tf.tensor2d(weights, [d, classes]);
  const b = tf.tensor1d(bias);
  const flat = (x: tf.Tensor4D) => x.reshape([-1, d]) as tf.Tensor2D;
  const logits = (features: tf.Tensor2D) => tf.tidy(() => tf.matMul(features, w).add(b)) as tf.Tensor2D;
  return {
    classes,
    inputShape: shape,
    weights,
    logits: (x) => tf.tidy(() => logits(flat(x))),
    features: {
      width: d,
      linearize(x) {
        const features = flat(x);
        return { logits: features, pullback: (dy) => dy.reshape([-1, ...shape]) as tf.Tensor4D, dispose: () => features.dispose() };
      },
      logits,
    },
    dispose: () => tf.dispose([w, b]),
  };
}

/** Normal weights; biases that make a grey image (0.5 everywhere) a tie of all classes, so that every class can be left inside the box. */
export function randomLinear(shape: Shape, classes: number, rng: Rng): Linear {
  const d = shape[0] * shape[1] * shape[2];
  const weights = rng.normal(d * classes);
  const bias = new Float32Array(classes);
  weights.forEach((w, i) => {
    const k = i % classes;
    bias[k] = (bias[k] as number) - 0.5 * w;
  });
  return linearClassifier(shape, classes, weights, bias);
}

/** Class 0 everywhere in the box, by logits that fall with every pixel. */
export function certain(shape: Shape, classes: number): Linear {
  const d = shape[0] * shape[1] * shape[2];
  const weights = new Float32Array(d * classes).map((_, i) => (i % classes === 0 ? -1 / d : 0));
  return linearClassifier(
    shape,
    classes,
    weights,
    Float32Array.from({ length: classes }, (_, k) => (k === 0 ? 10 : 0)),
  );
}

/** The same logits `value` whatever the input. */
export function constantClassifier(shape: Shape, classes: number, value: number): Classifier {
  const d = shape[0] * shape[1] * shape[2];
  return linearClassifier(shape, classes, new Float32Array(d * classes), new Float32Array(classes).fill(value));
}
