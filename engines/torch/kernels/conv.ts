/** Convolutions, their gradients, and the depthwise ones. The geometry is TensorFlow.js's own. */
import { tf } from '../../../tensor/tf.ts';
import type { Ops } from '../binding.ts';
import { type Call, kernel } from '../kernel.ts';
import type { Output, Slot } from '../slot.ts';

const { backend_util: backendUtil } = tf;
type Pad = Parameters<typeof backendUtil.computeConv2DInfo>[4];
type Pair = number | [number, number];
type Triple = number | [number, number, number];
type Rounding = 'floor' | 'round' | 'ceil';

interface Conv2D {
  strides: Pair;
  dilations?: Pair;
  pad: Pad;
  dataFormat?: 'NHWC' | 'NCHW';
  dimRoundingMode?: Rounding;
}
interface Fused {
  activation?: string;
  leakyreluAlpha?: number;
}

interface Geometry {
  strides: number[];
  dilations: number[];
  before: number[];
  out: number[];
}

/** Explicit padding comes in the order of the data format; the geometry below is that of NHWC. */
function explicitPad({ pad, dataFormat }: Conv2D): Pad {
  if (!Array.isArray(pad) || dataFormat !== 'NCHW') return pad;
  return [pad[0], pad[2], pad[3], pad[1]] as unknown as Pad;
}

function geometry2d(x: number[], filter: number[], attrs: Conv2D, depthwise: boolean): Geometry {
  const info = backendUtil.computeConv2DInfo(
    x as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    explicitPad(attrs),
    attrs.dimRoundingMode,
    depthwise,
  );
  return {
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
    out: [info.outHeight, info.outWidth],
  };
}

interface Conv3D {
  strides: Triple;
  dilations?: Triple;
  pad: 'valid' | 'same';
}

function geometry3d(x: number[], filter: number[], attrs: Conv3D): Geometry {
  const info = backendUtil.computeConv3DInfo(
    x as [number, number, number, number, number],
    filter as [number, number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
  );
  return {
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    out: [info.outDepth, info.outHeight, info.outWidth],
  };
}

const nhwc = (shape: number[]) => [shape[0], shape[2], shape[3], shape[1]] as number[];

/** Runs `body` on channels-last tensors, whatever the data format: `first` are slots or null. */
function channelsLast(
  ops: Ops,
  release: (slot: Slot) => void,
  nchw: boolean,
  slots: (Slot | null)[],
  body: (slots: (Slot | null)[]) => Output,
) {
  if (!nchw) return body(slots);
  const moved = slots.map((s) => (s === null ? null : ops.transpose(s, [0, 2, 3, 1]).slot));
  const made = body(moved);
  const back = ops.transpose(made.slot, [0, 3, 1, 2]);
  for (const s of [...moved, made.slot]) if (s !== null) release(s);
  return back;
}

function isNchw(attrs: Conv2D): boolean {
  return attrs.dataFormat === 'NCHW';
}

function forward(call: Call<Conv2D & Fused>, depthwise: boolean): Output {
  const { ops, attrs, slot, optional, shape, release } = call;
  const nchw = isNchw(attrs);
  const g = geometry2d(nchw ? nhwc(shape('x')) : shape('x'), shape('filter'), attrs, depthwise);
  const op = depthwise ? ops.depthwise : ops.conv;
  const prelu = optional('preluActivationWeights');
  // a prelu weight per channel, `[c,1,1]` in NCHW, broadcasts as `[c]` in NHWC
  const weights = prelu !== null && nchw && shape('preluActivationWeights').length === 3 ? ops.transpose(prelu, [1, 2, 0]).slot : prelu;
  const out = channelsLast(ops, release, nchw, [slot('x')], ([x]) =>
    op(
      x as Slot,
      slot('filter'),
      g.strides,
      g.dilations,
      g.before,
      g.out,
      optional('bias'),
      attrs.activation ?? 'linear',
      weights,
      attrs.leakyreluAlpha ?? 0.2,
    ),
  );
  if (weights !== null && weights !== prelu) release(weights);
  return out;
}

function inputGrad(call: Call<Conv2D & { inputShape: number[] }>, depthwise: boolean): Output {
  const { ops, attrs, slot, shape, release } = call;
  const nchw = isNchw(attrs);
  const inputShape = nchw ? nhwc(attrs.inputShape) : attrs.inputShape;
  const g = geometry2d(inputShape, shape('filter'), attrs, depthwise);
  const op = depthwise ? ops.depthwiseInputGrad : ops.convInputGrad;
  return channelsLast(ops, release, nchw, [slot('dy')], ([dy]) =>
    op(dy as Slot, slot('filter'), inputShape, g.strides, g.dilations, g.before, g.out),
  );
}

function filterGrad(call: Call<Conv2D & { filterShape: number[] }>, depthwise: boolean): Output {
  const { ops, attrs, slot, shape, release } = call;
  const nchw = isNchw(attrs);
  const g = geometry2d(nchw ? nhwc(shape('x')) : shape('x'), attrs.filterShape, attrs, depthwise);
  const op = depthwise ? ops.depthwiseFilterGrad : ops.convFilterGrad;
  const [x, dy] = [slot('x'), slot('dy')];
  if (!nchw) return op(x, dy, attrs.filterShape, g.strides, g.dilations, g.before, g.out);
  const [lastX, lastDy] = [ops.transpose(x, [0, 2, 3, 1]).slot, ops.transpose(dy, [0, 2, 3, 1]).slot];
  const made = op(lastX, lastDy, attrs.filterShape, g.strides, g.dilations, g.before, g.out);
  release(lastX);
  release(lastDy);
  return made;
}

export const convolutions: tf.KernelConfig[] = [
  kernel<Conv2D & Fused>('Conv2D', (call) => forward(call, false)),
  kernel<Conv2D & Fused>('FusedConv2D', (call) => forward(call, false)),
  kernel<Conv2D & Fused>('DepthwiseConv2dNative', (call) => forward(call, true)),
  kernel<Conv2D & Fused>('FusedDepthwiseConv2D', (call) => forward(call, true)),
  kernel<Conv2D & { inputShape: number[] }>('Conv2DBackpropInput', (call) => inputGrad(call, false)),
  kernel<Conv2D & { inputShape: number[] }>('DepthwiseConv2dNativeBackpropInput', (call) => inputGrad(call, true)),
  kernel<Conv2D & { filterShape: number[] }>('Conv2DBackpropFilter', (call) => filterGrad(call, false)),
  kernel<Conv2D & { filterShape: number[] }>('DepthwiseConv2dNativeBackpropFilter', (call) => filterGrad(call, true)),
  kernel<Conv3D>('Conv3D', ({ ops, slot, shape, attrs }) => {
    const g = geometry3d(shape('x'), shape('filter'), attrs);
    return ops.conv(slot('x'), slot('filter'), g.strides, g.dilations, g.before, g.out, null, 'linear', null, 0);
  }),
  kernel<Conv3D & { inputShape: number[] }>('Conv3DBackpropInputV2', ({ ops, slot, shape, attrs }) => {
    const g = geometry3d(attrs.inputShape, shape('filter'), attrs);
    return ops.convInputGrad(slot('dy'), slot('filter'), attrs.inputShape, g.strides, g.dilations, g.before, g.out);
  }),
  kernel<Conv3D & { filterShape: number[] }>('Conv3DBackpropFilterV2', ({ ops, slot, shape, attrs }) => {
    const g = geometry3d(shape('x'), attrs.filterShape, attrs);
    return ops.convFilterGrad(slot('x'), slot('dy'), attrs.filterShape, g.strides, g.dilations, g.before, g.out);
  }),
];
