/** The types of the native addon: tensors cross the border as slot numbers. */
import type { PassOps } from './passes.ts';
import type { Output, Slot } from './slot.ts';

export type HostArray = Float32Array | Int32Array | Uint8Array;

/** About the libtorch that was loaded. */
export interface Library {
  readonly version: string;
  readonly onednn: boolean;
  readonly mkl: boolean;
  readonly threads: number;
  readonly cudaDevices: number;
  /** Whether work on a GPU has a stream of its own and is recorded. */
  readonly streams: boolean;
  /** Whether steps of attacks are kernels of their own here; on a GPU they are compiled when it starts. */
  readonly formulas: boolean;
  /** How it was built, as PyTorch prints it. */
  readonly config: string;
}

type Unary = (x: Slot) => Output;
type Binary = (a: Slot, b: Slot) => Output;
type Reduce = (x: Slot, axes: number[], keepDims: boolean) => Output;
type Scan = (x: Slot, axis: number, exclusive: boolean, reverse: boolean) => Output;
type Along = (x: Slot, axis: number) => Output;
type Maybe = Slot | null;

export const UNARY = [
  'abs',
  'acos',
  'acosh',
  'asin',
  'asinh',
  'atan',
  'atanh',
  'ceil',
  'cos',
  'cosh',
  'elu',
  'erf',
  'exp',
  'expm1',
  'floor',
  'isFinite',
  'isInf',
  'isNan',
  'log',
  'log1p',
  'neg',
  'logicalNot',
  'reciprocal',
  'relu',
  'relu6',
  'round',
  'rsqrt',
  'selu',
  'sigmoid',
  'sign',
  'sin',
  'sinh',
  'softplus',
  'sqrt',
  'square',
  'tan',
  'tanh',
  'identity',
  'real',
  'imag',
  'fft',
  'ifft',
  'diag',
] as const;

export const BINARY = [
  'add',
  'sub',
  'mul',
  'div',
  'floorDiv',
  'mod',
  'maximum',
  'minimum',
  'atan2',
  'prelu',
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
  'logicalAnd',
  'logicalOr',
  'logicalXor',
  'bitwiseAnd',
  'eluGrad',
  'squaredDifference',
  'pow',
  'complex',
  'reluGrad',
] as const;

/** Geometry of a sliding window over space: TensorFlow.js works it out, libtorch gets numbers. */
type Convolve = (
  x: Slot,
  filter: Slot,
  strides: number[],
  dilations: number[],
  before: number[],
  out: number[],
  bias: Maybe,
  activation: string,
  prelu: Maybe,
  alpha: number,
) => Output;
type ConvolveInputGrad = (
  dy: Slot,
  filter: Slot,
  inputShape: number[],
  strides: number[],
  dilations: number[],
  before: number[],
  out: number[],
) => Output;
type ConvolveFilterGrad = (
  x: Slot,
  dy: Slot,
  filterShape: number[],
  strides: number[],
  dilations: number[],
  before: number[],
  out: number[],
) => Output;
type Lrn = [radius: number, bias: number, alpha: number, beta: number];
type Resized = [alignCorners: boolean, halfPixelCenters: boolean];

export interface Ops extends Record<(typeof UNARY)[number], Unary>, Record<(typeof BINARY)[number], Binary>, PassOps {
  clip(x: Slot, low: number, high: number): Output;
  leakyRelu(x: Slot, alpha: number): Output;
  step(x: Slot, alpha: number): Output;
  cast(x: Slot, dtype: string): Output;
  select(condition: Slot, yes: Slot, no: Slot): Output;
  addMany(terms: Slot[]): Output;

  sum: Reduce;
  mean: Reduce;
  prod: Reduce;
  max: Reduce;
  min: Reduce;
  all: Reduce;
  any: Reduce;
  argMax: Along;
  argMin: Along;
  cumsum: Scan;
  cumprod: Scan;
  softmax: Along;
  logSoftmax: Along;
  topK(x: Slot, k: number, sorted: boolean): Output[];
  searchSorted(sequence: Slot, values: Slot, right: boolean): Output;

  fill(shape: number[], value: number, dtype: string): Output;
  reshape(x: Slot, shape: number[]): Output;
  transpose(x: Slot, order: number[]): Output;
  tile(x: Slot, repeats: number[]): Output;
  broadcastTo(x: Slot, shape: number[]): Output;
  reverse(x: Slot, axes: number[]): Output;
  concat(parts: Slot[], axis: number): Output;
  stack(parts: Slot[], axis: number): Output;
  slice(x: Slot, begin: number[], size: number[]): Output;
  /** `shape` is the result's, with axes added and dropped. */
  stridedSlice(x: Slot, begin: number[], size: number[], strides: number[], shape: number[]): Output;
  split(x: Slot, sizes: number[], axis: number): Output[];
  unstack(x: Slot, axis: number): Output[];
  pad(x: Slot, paddings: number[], value: number): Output;
  mirrorPad(x: Slot, paddings: number[], offset: 0 | 1): Output;
  range(start: number, stop: number, step: number, dtype: string): Output;
  linspace(start: number, stop: number, count: number): Output;
  spaceToBatch(x: Slot, block: number[], paddings: number[]): Output;
  batchToSpace(x: Slot, block: number[], crops: number[]): Output;
  depthToSpace(x: Slot, block: number): Output;

  gather(x: Slot, indices: Slot, axis: number, batchDims: number): Output;
  gatherNd(params: Slot, indices: Slot): Output;
  scatterNd(indices: Slot, updates: Slot, shape: number[]): Output;
  scatterUpdate(tensor: Slot, indices: Slot, updates: Slot): Output;
  oneHot(indices: Slot, depth: number, on: number, off: number, dtype: string): Output;
  segmentSum(x: Slot, segments: Slot, count: number): Output;

  conv: Convolve;
  convInputGrad: ConvolveInputGrad;
  convFilterGrad: ConvolveFilterGrad;
  depthwise: Convolve;
  depthwiseInputGrad: ConvolveInputGrad;
  depthwiseFilterGrad: ConvolveFilterGrad;

  maxPool(x: Slot, size: number[], strides: number[], dilations: number[], before: number[], out: number[]): Output;
  maxPoolGrad(dy: Slot, x: Slot, size: number[], strides: number[], dilations: number[], before: number[], out: number[]): Output;
  avgPool(x: Slot, size: number[], strides: number[], before: number[], out: number[]): Output;
  avgPoolGrad(dy: Slot, x: Slot, size: number[], strides: number[], before: number[], out: number[]): Output;
  lrn(x: Slot, ...lrn: Lrn): Output;
  lrnGrad(x: Slot, y: Slot, dy: Slot, ...lrn: Lrn): Output;

  matMul(a: Slot, b: Slot, transposeA: boolean, transposeB: boolean, bias: Maybe, activation: string, prelu: Maybe, alpha: number): Output;
  einsum(equation: string, operands: Slot[]): Output;

  resizeBilinear(x: Slot, height: number, width: number, ...options: Resized): Output;
  resizeBilinearGrad(dy: Slot, inputShape: number[], ...options: Resized): Output;
  resizeNearest(x: Slot, height: number, width: number, ...options: Resized): Output;
  resizeNearestGrad(dy: Slot, inputShape: number[], ...options: Resized): Output;

  /** `[y, mean, variance]`. */
  batchNorm(x: Slot, gamma: Slot, beta: Slot, eps: number): Output[];
  /** `[dx, dgamma, dbeta]`. */
  batchNormGrad(x: Slot, dy: Slot, gamma: Slot, mean: Slot, variance: Slot, eps: number): Output[];
  batchNormInference(x: Slot, mean: Slot, variance: Slot, offset: Maybe, scale: Maybe, eps: number): Output;
  crossEntropy(logits: Slot, labels: Slot): Output;
  crossEntropyGrad(logits: Slot, labels: Slot, dy: Slot): Output;
  klDivergence(p: Slot, q: Slot): Output;
  /** `[dp, dq]`. */
  klDivergenceGrad(p: Slot, q: Slot, dy: Slot): Output[];
  /** Every weight, then every velocity. */
  sgdMomentum(weights: Slot[], grads: Slot[], velocities: Slot[], lr: number, momentum: number, weightDecay: number): Output[];
  /** Running means and variances in turn. */
  moveStatistics(running: Slot[], means: Slot, variances: Slot, corrections: number[], momentum: number): Output[];
  signStep(x: Slot, grad: Slot, origin: Slot, step: number, eps: number): Output;
  sphereStep(x: Slot, grad: Slot, origin: Slot, step: number, eps: number): Output;
  /** `controls` `[3, n]`: radius, step size and weight of the fresh step. */
  ascentStep(origin: Slot, x: Slot, previous: Slot, grad: Slot, controls: Slot): Output;
  sphereAscent(origin: Slot, x: Slot, previous: Slot, grad: Slot, controls: Slot): Output;
  selectRows(a: Slot, b: Slot, takeB: Slot): Output;
  hyperplaneStep(t: Slot, w: Slot, offset: Slot, norm: string): Output;
  /** `[reached, distances]`. */
  boundaryStep(x: Slot, origin: Slot, w: Slot, offset: Slot, norm: string, alphaMax: number, eta: number): Output[];
  stepBack(origin: Slot, x: Slot, moves: Slot, share: number): Output;
  /** `[best, asked]`; `drawn` `[3 + c, n]`: whether `last` is better, top and left of the window, and its side and end by channel. */
  squareStep(best: Slot, last: Slot, low: Slot, high: Slot, drawn: Slot, rows: Slot, columns: Slot): Output[];
}

/** Numbers and orders that C++ and TypeScript write down each for itself. */
export interface Shared {
  /** The kinds of nodes of a frozen program and of a training program, in the order of their codes. */
  readonly frozenKinds: readonly string[];
  readonly trainingKinds: readonly string[];
  readonly numbers: string;
  readonly batchNormEps: number;
}

export interface Binding {
  /** Sets threads and device of the process, and whether convolutions on a GPU may round their factors to TF32. */
  start(threads: number, device: string, tf32: boolean): void;
  describe(): Library;
  /** complex64 is real and imaginary part in turn. */
  upload(values: HostArray, shape: number[], dtype: string): Slot;
  read(slot: Slot): HostArray;
  /** Waits for the device on another thread. */
  readAsync(slot: Slot): Promise<HostArray>;
  release(slot: Slot): void;
  memory(): { slots: number; bytes: number };
  readonly ops: Ops;
  /** What both sides must hold alike. */
  readonly shared: Shared;
}
