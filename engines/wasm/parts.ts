/** Kernels made of others, for the calls that the fused and NHWC ones refuse. */
import type { tf } from '../../tensor/tf.ts';
import { call, type Kernel } from './kernel.ts';
import { type KernelArgs, product } from './memory.ts';

type Backend = KernelArgs['backend'];

/** The kernel of every activation that may be fused. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  prelu: 'Prelu',
  leakyrelu: 'LeakyRelu',
};

const TO_CHANNELS_LAST = [0, 2, 3, 1];
const TO_CHANNELS_FIRST = [0, 3, 1, 2];

/** `[c]` as `[c,1,1]` where channels come before rows and columns. */
function aligned(t: tf.TensorInfo, attrs: KernelArgs['attrs']): tf.TensorInfo {
  return attrs.dataFormat === 'NCHW' && t.shape.length === 1 ? { ...t, shape: [...t.shape, 1, 1] } : t;
}

/** `x`, then the bias, then the activation, of a fused kernel's call; `x` is given up. */
function finish(x: tf.TensorInfo, { inputs, attrs, backend }: KernelArgs): tf.TensorInfo {
  const steps: ((x: tf.TensorInfo) => tf.TensorInfo)[] = [];
  const { bias, preluActivationWeights: alpha } = inputs;
  if (bias) steps.push((a) => call('Add', { a, b: aligned(bias, attrs) }, {}, backend));
  const activation = ACTIVATIONS[attrs.activation as string];
  if (activation)
    steps.push((z) =>
      call(activation, alpha ? { x: z, alpha: aligned(alpha, attrs) } : { x: z }, { alpha: attrs.leakyreluAlpha }, backend),
    );
  return steps.reduce((before, step) => {
    const after = step(before);
    backend.disposeData(before.dataId);
    return after;
  }, x);
}

/** The wasm backend adds one number per output channel; it goes by the shape in which the values were made. */
function biasFits(bias: tf.TensorInfo | undefined | null, channels: number, b: Backend): boolean {
  if (!bias) return true;
  const { shape } = b.dataIdMap.get(bias.dataId);
  return shape.length === 1 && shape[0] === channels;
}

/** It scales by one number, or by one per output channel. */
function slopesFit(alpha: tf.TensorInfo | undefined | null, channels: number): boolean {
  if (!alpha) return true;
  const size = product(alpha.shape);
  return size === 1 || (size === channels && alpha.shape[alpha.shape.length - 1] === channels);
}

/** A fused kernel by its parts where layout, types, bias or slopes are not what the fused one takes. */
function fused(base: string, operands: readonly [string, string], channels: (args: KernelArgs) => number): Kernel {
  return (args) => {
    const [left, right] = operands.map((name) => args.inputs[name]) as [tf.TensorInfo, tf.TensorInfo];
    const { bias, preluActivationWeights } = args.inputs;
    const count = channels(args);
    const taken = args.attrs.dataFormat !== 'NCHW' && left.dtype === 'float32' && right.dtype === 'float32';
    if (taken && biasFits(bias, count, args.backend) && slopesFit(preluActivationWeights, count)) return undefined;
    return finish(call(base, { [operands[0]]: left, [operands[1]]: right }, args.attrs, args.backend), args);
  };
}

function permuted<T>(values: readonly T[], order: readonly number[]): T[] {
  return order.map((i) => values[i] as T);
}

function transpose(x: tf.TensorInfo, perm: readonly number[], backend: Backend): tf.TensorInfo {
  return call('Transpose', { x }, { perm }, backend);
}

/** A convolution of NCHW images between two transpositions; `images` are the inputs that are images. */
function channelsFirst(kernelName: string, images: readonly string[], makesImages: boolean): Kernel {
  return ({ inputs, attrs, backend }) => {
    if (attrs.dataFormat !== 'NCHW') return undefined;
    const turned = images.map((name) => [name, transpose(inputs[name] as tf.TensorInfo, TO_CHANNELS_LAST, backend)] as const);
    const { pad, inputShape } = attrs;
    const made = call(
      kernelName,
      { ...inputs, ...Object.fromEntries(turned) },
      {
        ...attrs,
        dataFormat: 'NHWC',
        pad: Array.isArray(pad) ? permuted(pad, TO_CHANNELS_LAST) : pad,
        inputShape: Array.isArray(inputShape) ? permuted(inputShape, TO_CHANNELS_LAST) : inputShape,
      },
      backend,
    );
    for (const [, t] of turned) backend.disposeData(t.dataId);
    if (!makesImages) return made;
    const back = transpose(made, TO_CHANNELS_FIRST, backend);
    backend.disposeData(made.dataId);
    return back;
  };
}

/** Multiply-adds of a matrix product from which on a transposition pays. */
const WORTH_TURNING = 2 ** 14;

/** A product with a transposed factor, which the backend takes 10 to 30 times as long for, as a transposition and a plain one. */
const turnedProduct: Kernel = ({ inputs, attrs, backend }) => {
  const { a, b } = inputs as Record<'a' | 'b', tf.TensorInfo>;
  if (!(attrs.transposeA || attrs.transposeB) || a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
  const [rows, columns] = [a.shape.at(-2), a.shape.at(-1)] as [number, number];
  if (rows * columns * dimension(b, attrs.transposeB ? 2 : 1) < WORTH_TURNING) return undefined;
  const turned = ([t, turns]: readonly [tf.TensorInfo, unknown]) => {
    if (!turns) return t;
    const last = t.shape.length - 1;
    return transpose(t, [...t.shape.keys()].slice(0, -2).concat(last, last - 1), backend);
  };
  const factors = [turned([a, attrs.transposeA]), turned([b, attrs.transposeB])] as const;
  const made = call('BatchMatMul', { a: factors[0], b: factors[1] }, { transposeA: false, transposeB: false }, backend);
  for (const factor of factors) if (factor !== a && factor !== b) backend.disposeData(factor.dataId);
  return made;
};

const dimension = (t: tf.TensorInfo | undefined, fromEnd: number): number => t?.shape[t.shape.length - fromEnd] as number;

export const composedKernels: Record<string, Kernel> = {
  BatchMatMul: turnedProduct,
  _FusedMatMul: fused('BatchMatMul', ['a', 'b'], ({ inputs, attrs }) => dimension(inputs.b, attrs.transposeB ? 2 : 1)),
  FusedConv2D: fused('Conv2D', ['x', 'filter'], ({ inputs }) => dimension(inputs.filter, 1)),
  FusedDepthwiseConv2D: fused(
    'DepthwiseConv2dNative',
    ['x', 'filter'],
    ({ inputs }) => dimension(inputs.filter, 1) * dimension(inputs.filter, 2),
  ),
  Conv2D: channelsFirst('Conv2D', ['x'], true),
  Conv2DBackpropInput: channelsFirst('Conv2DBackpropInput', ['dy'], true),
  Conv2DBackpropFilter: channelsFirst('Conv2DBackpropFilter', ['x', 'dy'], false),
};
