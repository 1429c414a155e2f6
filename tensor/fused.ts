/**
 * Operations that one kernel does in one pass where the engine has it, and TensorFlow.js ops compose where it has not. The file is
 * long because it is the whole contract with the kernels of the engines: every name beside what its kernel must compute.
 */
import { tf } from './tf.ts';

/** Kernel names an engine may register beside TensorFlow.js's own. Inputs and attributes are those of the functions below. */
export const FUSED = {
  batchNormTrain: 'RampartBatchNormTrain',
  batchNormTrainGrad: 'RampartBatchNormTrainGrad',
  reluGrad: 'RampartReluGrad',
  softmaxCrossEntropy: 'RampartSoftmaxCrossEntropy',
  softmaxCrossEntropyGrad: 'RampartSoftmaxCrossEntropyGrad',
  klDivergence: 'RampartKlDivergence',
  klDivergenceGrad: 'RampartKlDivergenceGrad',
  sgdMomentum: 'RampartSgdMomentum',
  sgdMomentumAll: 'RampartSgdMomentumAll',
  moveStatistics: 'RampartMoveStatistics',
  signStep: 'RampartSignStep',
  sphereStep: 'RampartSphereStep',
  ascentStep: 'RampartAscentStep',
  sphereAscent: 'RampartSphereAscent',
  selectRows: 'RampartSelectRows',
  hyperplaneStep: 'RampartHyperplaneStep',
  boundaryStep: 'RampartBoundaryStep',
  stepBack: 'RampartStepBack',
  squareStep: 'RampartSquareStep',
} as const;

const has = (name: string) => tf.getKernel(name, tf.getBackend()) !== undefined;

/** Runs the engine's kernel, or returns undefined when this engine has none. */
function kernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: Record<string, number | string | number[]> = {},
): tf.Tensor[] | undefined {
  if (!has(name)) return undefined;
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

/** `batchNormTrain` without a gradient. */
export function batchNormForward(x: tf.Tensor4D, gamma: tf.Tensor1D, beta: tf.Tensor1D, eps: number): Moments {
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
export function batchNormBackward(
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
 * `onMoments` sees mean and biased variance `[c]` once per call, to update running statistics; it must not keep them. `backward` makes the
 * gradients.
 */
export function batchNormTrain(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  eps: number,
  onMoments: (mean: tf.Tensor1D, variance: tf.Tensor1D) => void,
  backward: typeof batchNormBackward = batchNormBackward,
): tf.Tensor4D {
  return tf.customGrad((...args: unknown[]) => {
    const [xIn, gammaIn, betaIn, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, (t: tf.Tensor[]) => void];
    const { y, mean, variance } = batchNormForward(xIn, gammaIn, betaIn, eps);
    onMoments(mean, variance);
    save([xIn, gammaIn, mean, variance]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [sx, sg, sm, sv] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
      return backward(sx, dy as tf.Tensor4D, sg, sm, sv, eps);
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
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => softmaxCrossEntropyGradient(saved[0] as tf.Tensor2D, labels, dy as tf.Tensor1D);
    return { value, gradFunc } as { value: tf.Tensor; gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor };
  })(logits) as tf.Tensor1D;
}

/** Its gradient in the logits, `[n,classes]`, where each example counts `dy` `[n]`. */
export function softmaxCrossEntropyGradient(logits: tf.Tensor2D, labels: tf.Tensor1D, dy: tf.Tensor1D): tf.Tensor2D {
  return (kernel(FUSED.softmaxCrossEntropyGrad, { logits, labels, dy })?.[0] ??
    tf.tidy(() => tf.softmax(logits).sub(tf.oneHot(labels, logits.shape[1])).mul(dy.expandDims(1)))) as tf.Tensor2D;
}

/** KL(softmax(p) || softmax(q)) of every example, `[n]`; `p` and `q` are logits `[n,classes]`. Differentiable in both. */
export function klDivergence(p: tf.Tensor2D, q: tf.Tensor2D): tf.Tensor1D {
  return tf.customGrad((...args: unknown[]) => {
    const [pIn, qIn, save] = args as [tf.Tensor2D, tf.Tensor2D, (t: tf.Tensor[]) => void];
    const value =
      kernel(FUSED.klDivergence, { p: pIn, q: qIn })?.[0] ??
      tf.tidy(() => {
        const logP = tf.logSoftmax(pIn);
        return logP
          .exp()
          .mul(logP.sub(tf.logSoftmax(qIn)))
          .sum(1);
      });
    save([pIn, qIn]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [sp, sq] = saved as [tf.Tensor2D, tf.Tensor2D];
      return kernel(FUSED.klDivergenceGrad, { p: sp, q: sq, dy }) ?? klGradients(sp, sq, dy);
    };
    return { value, gradFunc } as { value: tf.Tensor; gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[] };
  })(p, q) as tf.Tensor1D;
}

/** With P and Q the probabilities: `P (log P - log Q - KL)` and `Q - P`. */
function klGradients(p: tf.Tensor2D, q: tf.Tensor2D, dy: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => {
    const [logP, logQ] = [tf.logSoftmax(p), tf.logSoftmax(q)];
    const [probabilities, ratio] = [logP.exp(), logP.sub(logQ)];
    const divergence = probabilities.mul(ratio).sum(1, true);
    const column = dy.expandDims(1);
    return [probabilities.mul(ratio.sub(divergence)).mul(column), logQ.exp().sub(probabilities).mul(column)];
  });
}

/** Tensors by number, as a kernel takes a list of any length. */
const listed = (tensors: readonly tf.Tensor[]): Record<string, tf.Tensor> => Object.fromEntries(tensors.entries());

/** Gives every variable its new value and lets go of the tensors. */
function assignAll(variables: readonly tf.Variable[], values: readonly tf.Tensor[]): void {
  for (const [i, v] of variables.entries()) {
    v.assign(values[i] as tf.Tensor);
    values[i]?.dispose();
  }
}

/** One step of SGD as PyTorch does it: `g += weightDecay * w; m = momentum * m + g; w -= lr * m` for every weight. Assigns `ws` and `ms`. */
export function sgdMomentum(
  ws: readonly tf.Variable[],
  grads: readonly tf.Tensor[],
  ms: readonly tf.Variable[],
  options: { lr: number; momentum: number; weightDecay: number },
): void {
  const { lr, momentum, weightDecay } = options;
  const moved = kernel(FUSED.sgdMomentumAll, listed([...ws, ...grads, ...ms]), options);
  if (moved) {
    assignAll([...ws, ...ms], moved);
    return;
  }
  for (const [i, w] of ws.entries()) {
    const [grad, m] = [grads[i] as tf.Tensor, ms[i] as tf.Variable];
    const made =
      kernel(FUSED.sgdMomentum, { w, grad, m }, options) ??
      tf.tidy(() => {
        const velocity = m.mul(momentum).add(weightDecay === 0 ? grad : grad.add(w.mul(weightDecay)));
        return [w.sub(velocity.mul(lr)), velocity];
      });
    assignAll([w, m], made);
  }
}

/**
 * Moves running means and variances `[c]`, in turn for every normalisation, by `momentum` towards those of a batch, which come one
 * normalisation after the other in `means` and `variances`. The variances are biased; `corrections` make them unbiased. Assigns `running`.
 */
export function moveStatistics(
  running: readonly tf.Variable[],
  means: tf.Tensor1D,
  variances: tf.Tensor1D,
  corrections: number[],
  momentum: number,
): void {
  const moved =
    kernel(FUSED.moveStatistics, listed([...running, means, variances]), { corrections, momentum }) ??
    tf.tidy(() => {
      let from = 0;
      return corrections.flatMap((correction, i) => {
        const [mean, variance] = [running[2 * i] as tf.Variable, running[2 * i + 1] as tf.Variable];
        const of = (all: tf.Tensor1D) => (all.size === mean.size ? all : all.slice(from, mean.size));
        const pair = [
          mean.mul(1 - momentum).add(of(means).mul(momentum)),
          variance.mul(1 - momentum).add(of(variances).mul(momentum * correction)),
        ];
        from += mean.size;
        return pair;
      });
    });
  assignAll(running, moved);
}

/** `clip(clip(x + step * sign(grad), origin - eps, origin + eps), 0, 1)`: the Linf step of FGSM and PGD. The caller owns the result. */
export function signStep(x: tf.Tensor4D, grad: tf.Tensor4D, origin: tf.Tensor4D, step: number, eps: number): tf.Tensor4D {
  const fused = kernel(FUSED.signStep, { x, grad, origin }, { step, eps })?.[0];
  return (fused ??
    tf.tidy(() =>
      tf.clipByValue(tf.minimum(tf.maximum(x.add(grad.sign().mul(step)), origin.sub(eps)), origin.add(eps)), 0, 1),
    )) as tf.Tensor4D;
}

/** The L2 step of PGD, as `norms.L2.step` composes it, or undefined where no kernel does it at once. The caller owns the result. */
export function sphereStep(x: tf.Tensor4D, grad: tf.Tensor4D, origin: tf.Tensor4D, step: number, eps: number): tf.Tensor4D | undefined {
  return kernel(FUSED.sphereStep, { x, grad, origin }, { step, eps })?.[0] as tf.Tensor4D | undefined;
}

/** Row `i` of each of `bs` where `takeB[i]`, of its partner in `as` where not; all have one shape. The caller owns the results. */
export function selectRows<T extends tf.Tensor>(as: readonly T[], bs: readonly T[], takeB: readonly boolean[]): T[] {
  return tf.tidy(() => {
    if (has(FUSED.selectRows)) {
      const mask = tf.tensor1d(takeB as boolean[], 'bool');
      return as.map((a, i) => kernel(FUSED.selectRows, { a, b: bs[i] as T, takeB: mask })?.[0] as T);
    }
    const rows = Int32Array.from(takeB, (t, row) => (t ? takeB.length + row : row));
    return as.map((a, i) => tf.gather(tf.concat([a, bs[i]] as tf.Tensor[], 0), tf.tensor1d(rows, 'int32')) as T);
  });
}

/** Rows of `yes` where `mask` `[n]` is 1, of `no` where it is 0; both of one shape. In a tidy of the caller's, who need not know the mask. */
export function maskedRows<T extends tf.Tensor>(mask: tf.Tensor, yes: T, no: T): T {
  const takeB = mask.cast('bool');
  return (kernel(FUSED.selectRows, { a: no, b: yes, takeB })?.[0] ??
    tf.where(takeB.reshape([-1, ...yes.shape.slice(1).map(() => 1)]), yes, no)) as T;
}

/** Tensors are `[n,h,w,c]`, arrays have one number per example. */
export interface AscentStep {
  /** The clean images. */
  readonly origin: tf.Tensor4D;
  readonly x: tf.Tensor4D;
  /** The points before. */
  readonly previous: tf.Tensor4D;
  readonly grad: tf.Tensor4D;
  /** Radius around `origin`. */
  readonly eps: Float32Array;
  readonly stepSize: Float32Array;
  /** Weight of the step beside the move before: 1 for a first step, 0.75 later. */
  readonly fresh: Float32Array;
}

/** The step of APGD in Linf, or in L2, or undefined where no kernel does it at once. The caller owns the result. */
export const ascentStep = (step: AscentStep): tf.Tensor4D | undefined => ascentBy(FUSED.ascentStep, step);
export const sphereAscent = (step: AscentStep): tf.Tensor4D | undefined => ascentBy(FUSED.sphereAscent, step);

function ascentBy(name: string, { origin, x, previous, grad, eps, stepSize, fresh }: AscentStep): tf.Tensor4D | undefined {
  if (!has(name)) return undefined;
  const n = eps.length;
  const values = new Float32Array(3 * n);
  [eps, stepSize, fresh].forEach((v, i) => {
    values.set(v, i * n);
  });
  const controls = tf.tensor2d(values, [3, n]);
  const next = kernel(name, { origin, x, previous, grad, controls })?.[0];
  controls.dispose();
  return next as tf.Tensor4D;
}

/** The points `x` brought into the cubes of `radius` `[n]` around `origin`, and into the box, or undefined where no kernel does it at once. In a tidy of the caller's. */
export function intoCubes(x: tf.Tensor4D, origin: tf.Tensor4D, radius: tf.Tensor1D): tf.Tensor4D | undefined {
  if (!has(FUSED.ascentStep)) return undefined;
  // a step of length 0, taken wholly
  const controls = tf.stack([radius, tf.zerosLike(radius), tf.onesLike(radius)]);
  return kernel(FUSED.ascentStep, { origin, x, previous: x, grad: x, controls })?.[0] as tf.Tensor4D;
}

/**
 * The smallest step from `t` in the box to the hyperplane `w.z = b` inside it, or undefined where no kernel does it at once; `t` and `w`
 * `[n,d]`, `offset` `[n]` is `w.t - b`. The caller owns the result.
 */
export function hyperplaneStep(t: tf.Tensor2D, w: tf.Tensor2D, offset: tf.Tensor1D, norm: string): tf.Tensor2D | undefined {
  return kernel(FUSED.hyperplaneStep, { t, w, offset }, { norm })?.[0] as tf.Tensor2D | undefined;
}

/**
 * FAB's step to the boundary, or undefined where no kernel does it at once: projections of `x` and of `origin`, both `[n,h,w,c]`, onto the
 * hyperplane of normal `w` `[n,d]` that is `offset` `[n]` away from `x`, overshot by `eta` and mixed, at most `alphaMax` of the second.
 * Points and their distances `[n]` from `origin`; the caller owns both.
 */
export function boundaryStep(
  x: tf.Tensor4D,
  origin: tf.Tensor4D,
  plane: { w: tf.Tensor2D; offset: tf.Tensor1D },
  options: { norm: string; alphaMax: number; eta: number },
): { reached: tf.Tensor4D; distances: tf.Tensor1D } | undefined {
  const fused = kernel(FUSED.boundaryStep, { x, origin, w: plane.w, offset: plane.offset }, { ...options });
  return fused && { reached: fused[0] as tf.Tensor4D, distances: fused[1] as tf.Tensor1D };
}

/** `origin + share * (x - origin)` in the rows where `moves` `[n]` is 1, the very `x` where it is 0; `[n,h,w,c]`, owned by the caller. */
export function stepBack(origin: tf.Tensor4D, x: tf.Tensor4D, moves: tf.Tensor1D, share: number): tf.Tensor4D {
  return (kernel(FUSED.stepBack, { origin, x, moves }, { share })?.[0] ??
    tf.tidy(() => {
      const back = origin.add(tf.sub(x, origin).mul(share));
      return tf.where(moves.reshape([-1, 1, 1, 1]).cast('bool'), back, x);
    })) as tf.Tensor4D;
}

/** Points of the Square attack, one row each: the best, the last that was asked about, and the images with all values at an end of their ranges. */
export interface SquarePoints {
  readonly best: tf.Tensor4D;
  readonly last: tf.Tensor4D;
  readonly low: tf.Tensor4D;
  readonly high: tf.Tensor4D;
}

/** Whether the engine writes Square's windows itself. */
export const writesSquares = (): boolean => has(FUSED.squareStep);

/**
 * The better of `best` and `last` `[n,h,w,c]`, and that with a window in it; the caller owns both. `drawn` `[3+c,n]`: 1 where `last` is better, top
 * and left of the window, and its side for every channel, negative where that goes to `low` and not to `high`. `rows` `[1,h,1,1]` and `columns`
 * `[1,1,w,1]` count from 0. Only where `writesSquares()`.
 */
export function squareStep(
  points: SquarePoints,
  drawn: tf.Tensor2D,
  rows: tf.Tensor4D,
  columns: tf.Tensor4D,
): { best: tf.Tensor4D; asked: tf.Tensor4D } {
  const [best, asked] = kernel(FUSED.squareStep, { ...points, drawn, rows, columns }) as [tf.Tensor4D, tf.Tensor4D];
  return { best, asked };
}
