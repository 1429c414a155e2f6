/**
 * Operations whose gradients have gradients. TensorFlow.js differentiates twice what saves its inputs for the gradient alone; what an
 * operation saves of its outputs (softmax, sigmoid, tanh, exp) counts as constant there.
 */
import { batchNormBackward, batchNormTrain, reluGrad } from './fused.ts';
import { tf } from './tf.ts';

/** A function of one tensor by its value and its gradient, both of tensors. */
function defined(value: (x: tf.Tensor) => tf.Tensor, gradient: (x: tf.Tensor, dy: tf.Tensor) => tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  // TensorFlow.js is first touched when the function is called: a constant of a module has it
  return (at) =>
    tf.customGrad((...args: unknown[]) => {
      const [x, save] = args as [tf.Tensor, (t: tf.Tensor[]) => void];
      save([x]);
      return { value: value(x), gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradient(saved[0] as tf.Tensor, dy) };
    })(at);
}

/** Over the last axis. */
const softmax = defined(
  (z) => tf.softmax(z),
  (z, dy) => {
    const p = tf.softmax(z);
    return p.mul(dy.sub(dy.mul(p).sum(-1, true)));
  },
);

/** Summed cross-entropy of logits `[n,classes]` with labels `[n]` int32. */
export function crossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const right = () => tf.oneHot(labels, logits.shape[1]).cast('float32');
  const sum = defined(
    (z) => tf.tidy(() => tf.logSoftmax(z).mul(right()).sum().neg()),
    (z, dy) => softmax(z).sub(right()).mul(dy),
  );
  return sum(logits) as tf.Scalar;
}

/** `dy` where `y > 0`, as a function of `dy`: its gradient is the same. */
function masked(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [d, save] = args as [tf.Tensor, (t: tf.Tensor[]) => void];
    save([y]);
    return { value: reluGrad(d, y), gradFunc: (v: tf.Tensor, saved: tf.Tensor[]) => reluGrad(v, saved[0] as tf.Tensor) };
  })(dy);
}

/** ReLU; where its input is zero both derivatives are. */
export function relu(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [tf.Tensor, (t: tf.Tensor[]) => void];
    const y = tf.relu(input);
    save([y]);
    // what is saved of the output is a mask, and that is constant
    return { value: y, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => masked(dy, saved[0] as tf.Tensor) };
  })(x);
}

/** What the two gradients of batch normalisation are made of: images `[n,h,w,c]`, the rest `[c]`. */
interface Normalized {
  readonly x: tf.Tensor4D;
  readonly gamma: tf.Tensor1D;
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

/**
 * Gradients of `sum(v * dx)` in `x`, `dy` and `gamma`, where `dx = gamma / sigma * (dy - mean(dy) - xhat * mean(dy * xhat))`. In `dy` it is
 * the same map again; in the others by hand, with `sigma` and `xhat` as functions of `x`.
 */
function ofInputGradient({ x, gamma, mean, variance }: Normalized, dy: tf.Tensor4D, v: tf.Tensor4D, eps: number): tf.Tensor[] {
  const average = (t: tf.Tensor) => t.mean([0, 1, 2]);
  const invStd = variance.add(eps).rsqrt();
  const xhat = x.sub(mean).mul(invStd);
  const [a, b] = [average(dy), average(dy.mul(xhat))];
  const [c, d] = [average(v), average(v.mul(xhat))];
  const spread = average(v.mul(dy)).sub(a.mul(c));
  const bd = b.mul(d);
  const scale = gamma.mul(invStd.square()).neg();
  const inX = xhat
    .mul(spread.sub(bd.mul(3)).mul(scale))
    .add(dy.mul(d.mul(scale)))
    .add(v.mul(b.mul(scale)))
    .sub(a.mul(d).add(c.mul(b)).mul(scale));
  const [inDy] = batchNormBackward(x, v, gamma, mean, variance, eps) as [tf.Tensor];
  const inGamma = spread
    .sub(bd)
    .mul(invStd)
    .mul(x.size / gamma.size);
  return [inX, inDy, inGamma];
}

/** `[dx, dgamma, dbeta]`, of which `dx` may be differentiated. */
function gradients(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  gamma: tf.Tensor1D,
  mean: tf.Tensor1D,
  variance: tf.Tensor1D,
  eps: number,
): tf.Tensor[] {
  const others: tf.Tensor[] = [];
  const dx = tf.customGrad((...args: unknown[]) => {
    const [xIn, dyIn, gammaIn, save] = args as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, (t: tf.Tensor[]) => void];
    const [value, ...rest] = batchNormBackward(xIn, dyIn, gammaIn, mean, variance, eps) as [tf.Tensor, tf.Tensor, tf.Tensor];
    // else they would go with the scope of this function
    others.push(...rest.map((t) => tf.keep(t)));
    save([xIn, dyIn, gammaIn, mean, variance]);
    const gradFunc = (v: tf.Tensor, saved: tf.Tensor[]) => {
      const [sx, sdy, sg, sm, sv] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
      return ofInputGradient({ x: sx, gamma: sg, mean: sm, variance: sv }, sdy, v as tf.Tensor4D, eps);
    };
    return { value, gradFunc };
  })(x, dy, gamma);
  return [
    dx,
    ...others.map((kept) => {
      const own = kept.clone();
      kept.dispose();
      return own;
    }),
  ];
}

/** As `batchNormTrain`; the statistics are constant on the tape, `ofInputGradient` knows that they are functions of x. */
export function batchNorm(...args: Parameters<typeof batchNormTrain>): tf.Tensor4D {
  const [x, gamma, beta, eps, onMoments] = args;
  return batchNormTrain(x, gamma, beta, eps, onMoments, gradients);
}
