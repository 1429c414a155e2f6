/** A classifier as an attack sees it: counts passes, refuses NaN, and gives gradients whatever the classifier offers. */
import { RampartError } from '../errors.ts';
import type { Classifier, Linearized } from '../models/classifier.ts';
import { tf } from '../tensor/tf.ts';
import type { Loss, Passes, Target } from './attack.ts';

/** The classifier's own `linearize`, or the tape, where each pullback runs the classifier again. */
export function linearizeClassifier(classifier: Classifier, x: tf.Tensor4D): Linearized {
  return classifier.linearize?.(x) ?? onTape(classifier, x);
}

function onTape(classifier: Classifier, x: tf.Tensor4D): Linearized {
  const logits = classifier.logits(x);
  const pullback = (dlogits: tf.Tensor2D) =>
    tf.tidy(() => tf.grad((input: tf.Tensor) => classifier.logits(input as tf.Tensor4D))(x, dlogits)) as tf.Tensor4D;
  return { logits, pullback, dispose: () => logits.dispose() };
}

/** `name` is the model's, for messages. The target does not own the classifier. */
export function createTarget(classifier: Classifier, name: string): Target {
  const passes: Passes = { forward: 0, backward: 0 };
  const checked = (logits: tf.Tensor2D): tf.Tensor2D => {
    // one number leaves the device, not the logits: NaN and infinity make the sum not finite
    const sum = tf.tidy(() => logits.sum().dataSync()[0] as number);
    if (!Number.isFinite(sum))
      throw new RampartError(`[model ${name}] logits are not finite (NaN or infinite): the weights or the input are broken`);
    return logits;
  };
  const linearize = (x: tf.Tensor4D): Linearized => {
    passes.forward += x.shape[0];
    const lin = linearizeClassifier(classifier, x);
    checked(lin.logits);
    const pullback = (dlogits: tf.Tensor2D) => {
      passes.backward += x.shape[0];
      return lin.pullback(dlogits);
    };
    return { logits: lin.logits, pullback, dispose: () => lin.dispose() };
  };
  return {
    classes: classifier.classes,
    inputShape: classifier.inputShape,
    randomized: classifier.randomized ?? false,
    passes,
    logits(x) {
      passes.forward += x.shape[0];
      return checked(classifier.logits(x));
    },
    gradient(x, loss: Loss) {
      const lin = linearize(x);
      try {
        const { value, grad: dlogits } = valueAndGradient(lin.logits, loss);
        const grad = lin.pullback(dlogits);
        dlogits.dispose();
        return { loss: value, logits: lin.logits.clone(), grad };
      } finally {
        lin.dispose();
      }
    },
    linearize,
  };
}

/** Loss per example `[n]` and the gradient of its sum with respect to the logits `[n,classes]`. The caller owns both. */
function valueAndGradient(logits: tf.Tensor2D, loss: Loss): { value: tf.Tensor1D; grad: tf.Tensor2D } {
  let value: tf.Tensor1D | undefined;
  const grad = tf.tidy(() =>
    tf.grad((z: tf.Tensor) => {
      value = tf.keep(loss(z as tf.Tensor2D));
      return value.sum();
    })(logits),
  ) as tf.Tensor2D;
  return { value: value as unknown as tf.Tensor1D, grad };
}
