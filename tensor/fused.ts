/** Operations that one kernel does in one pass where the engine has it, and TensorFlow.js ops compose where it has not. */
import { tf } from './tf.ts';

/** Kernel names an engine may register beside TensorFlow.js's own. Inputs and attributes are those of the functions below. */
export const FUSED = {
  batchNormTrain: 'RampartBatchNormTrain',
  batchNormTrainGrad: 'RampartBatchNormTrainGrad',
  reluGrad: 'RampartReluGrad',
  softmaxCrossEntropy: 'RampartSoftmaxCrossEntropy',
  softmaxCrossEntropyGrad: 'RampartSoftmaxCrossEntropyGrad',
  sgdMomentum: 'RampartSgdMomentum',
  signStep: 'RampartSignStep',
} as const;

/** Runs the engine's kernel, or returns undefined when this engine has none. */
function kernel(name: string, inputs: Record<string, tf.Tensor>, attrs: Record<string, number> = {}): tf.Tensor[] | undefined {
  if (!tf.getKernel(name, tf.getBackend())) return undefined;
  const out = tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor | tf.Tensor[];
  return Array.isArray(out) ? out : [out];
}

/** `dy` where `y > 0`, else 0; `y` is the output of ReLU. */
export function reluGrad(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return kernel(FUSED.reluGrad, { dy, y })?.[0] ?? tf.tidy(() => dy.mul(tf.step(y)));
}

/** ReLU whose gradient is one kernel. */
export function relu<T extends tf.Tensor>(x: T): T {
  return tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [tf.Tensor, (t: tf.Tensor[]) => void];
    const y = tf.relu(input);
    save([y]);
    return { value: y, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => reluGrad(dy, saved[0] as tf.Tensor) };
  })(x) as T;
}

interface Moments {
  y: tf.Tensor4D;
  /** Of the batch, `[c]`. */
  mean: tf.Tensor1D;
  /** Biased variance of the batch, `[c]`. */
  variance: tf.Tensor1D;
}

function batchNormForward(x: tf.Tensor4D, gamma: tf.Tensor1D, beta: tf.Tensor1D, eps: number): Moments {
  const fused = kernel(FUSED.batchNormTrain, { x, gamma, beta }, { eps });
  if (fused) return { y: fused[0] as tf.Tensor4D, mean: fused[1] as tf.Tensor1D, variance: fused[2] as tf.Tensor1D };
  return tf.tidy(() => {
    const flat = x.reshape([-1, x.shape[3]]);
    const mean = flat.mean(0) as tf.Tensor1D;
    const variance = flat.sub(mean).square().mean(0) as tf.Tensor1D;
    const scale = gamma.mul(variance.add(eps).rsqrt());
    const y = x.mul(scale).add(beta.sub(mean.mul(scale))) as tf.Tensor4D;
    return { y, mean, variance } as unknown as tf.TensorContainer;
  }) as unknown as Moments;
}

/** Gradients of batch normalisation over the batch: `[dx, dgamma, dbeta]`. */
function batchNormBackward(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  gamma: tf.Tensor1D,
  mean: tf.Tensor1D,
  variance: tf.Tensor1D,
  eps: number,
): tf.Tensor[] {
  const fused = kernel(FUSED.batchNormTrainGrad, { x, dy, gamma, mean, variance }, { eps });
  if (fused) return fused;
  return tf.tidy(() => {
    const c = x.shape[3];
    const invStd = variance.add(eps).rsqrt();
    const xhat = x.reshape([-1, c]).sub(mean).mul(invStd);
    const flatDy = dy.reshape([-1, c]);
    const dbeta = flatDy.sum(0);
    const dgamma = flatDy.mul(xhat).sum(0);
    const m = flatDy.shape[0] as number;
    const dx = flatDy
      .sub(dbeta.div(m))
      .sub(xhat.mul(dgamma.div(m)))
      .mul(gamma.mul(invStd));
    return [dx.reshape(x.shape), dgamma, dbeta];
  });
}

/**
 * Batch normalisation with the statistics of the batch. `x` `[n,h,w,c]`, `gamma` and `beta` `[c]`.
 * `onMoments` sees mean and biased variance `[c]` once per call, to update running statistics; it must not keep them.
 */
export function batchNormTrain(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  eps: number,
  onMoments: (mean: tf.Tensor1D, variance: tf.Tensor1D) => void,
): tf.Tensor4D {
  return tf.customGrad((...args: unknown[]) => {
    const [xIn, gammaIn, betaIn, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, (t: tf.Tensor[]) => void];
    const { y, mean, variance } = batchNormForward(xIn, gammaIn, betaIn, eps);
    onMoments(mean, variance);
    save([xIn, gammaIn, mean, variance]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [sx, sg, sm, sv] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
      return batchNormBackward(sx, dy as tf.Tensor4D, sg, sm, sv, eps);
    };
    return { value: y, gradFunc };
  })(x, gamma, beta) as tf.Tensor4D;
}

/** Cross-entropy of every example, `[n]`: logits `[n,classes]`, labels `[n]` int32. Differentiable in the logits. */
export function softmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  return tf.customGrad((...args: unknown[]) => {
    const [z, save] = args as [tf.Tensor2D, (t: tf.Tensor[]) => void];
    const fused = kernel(FUSED.softmaxCrossEntropy, { logits: z, labels });
    const value = fused?.[0] ?? tf.tidy(() => tf.logSumExp(z, 1).sub(z.mul(tf.oneHot(labels, z.shape[1])).sum(1)));
    save([z]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const s = saved[0] as tf.Tensor2D;
      return (
        kernel(FUSED.softmaxCrossEntropyGrad, { logits: s, labels, dy })?.[0] ??
        tf.tidy(() => tf.softmax(s).sub(tf.oneHot(labels, s.shape[1])).mul(dy.expandDims(1)))
      );
    };
    return { value, gradFunc } as { value: tf.Tensor; gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor };
  })(logits) as tf.Tensor1D;
}

/** One step of SGD as PyTorch does it: `g += weightDecay * w; m = momentum * m + g; w -= lr * m`. Assigns `w` and `m`. */
export function sgdMomentum(w: tf.Variable, grad: tf.Tensor, m: tf.Variable, lr: number, momentum: number, weightDecay: number): void {
  const [newW, newM] =
    kernel(FUSED.sgdMomentum, { w, grad, m }, { lr, momentum, weightDecay }) ??
    tf.tidy(() => {
      const velocity = m.mul(momentum).add(weightDecay === 0 ? grad : grad.add(w.mul(weightDecay)));
      return [w.sub(velocity.mul(lr)), velocity];
    });
  w.assign(newW as tf.Tensor);
  m.assign(newM as tf.Tensor);
  newW?.dispose();
  newM?.dispose();
}

/** `clip(clip(x + step * sign(grad), origin - eps, origin + eps), 0, 1)`: the Linf step of FGSM and PGD. The caller owns the result. */
export function signStep(x: tf.Tensor4D, grad: tf.Tensor4D, origin: tf.Tensor4D, step: number, eps: number): tf.Tensor4D {
  const fused = kernel(FUSED.signStep, { x, grad, origin }, { step, eps })?.[0];
  return (fused ??
    tf.tidy(() =>
      tf.clipByValue(tf.minimum(tf.maximum(x.add(grad.sign().mul(step)), origin.sub(eps)), origin.add(eps)), 0, 1),
    )) as tf.Tensor4D;
}
