/** Kernels whose results in the wasm backend are not those of the mathematics: NaN that vanishes, tiny numbers, long sums, maxima below zero. */
import { tf } from '../../tensor/tf.ts';
import type { Kernel } from './kernel.ts';
import { native, output, pointerOf, product, scratch, sizeOf } from './memory.ts';

function clipped(limits: (attrs: Record<string, unknown>) => [low: number, high: number]): Kernel {
  return ({ inputs, attrs, backend: b }) => {
    const { x } = inputs as { x: tf.TensorInfo };
    if (x.dtype !== 'float32') return undefined;
    const out = output(b, x.shape);
    native().clip(pointerOf(b, x), sizeOf(x), ...limits(attrs), out.at);
    return out.info;
  };
}

/** The backend's own returns 0 below 1e-7, where gradients live. */
const sign: Kernel = ({ inputs, backend: b }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  if (x.dtype !== 'float32') return undefined;
  const out = output(b, x.shape);
  native().sign(pointerOf(b, x), sizeOf(x), out.at);
  return out.info;
};

/** Sums or means over neighbouring axes; the backend's own loses a percent over a million numbers. */
function reduction(mean: boolean): Kernel {
  return ({ inputs, attrs, backend: b }) => {
    const { x } = inputs as { x: tf.TensorInfo };
    const axes = tf.util.parseAxisParam(attrs.axis as number | number[], x.shape).sort((p, q) => p - q);
    const [first, last] = [axes[0], axes[axes.length - 1]];
    if (x.dtype !== 'float32' || first === undefined || last === undefined || last - first + 1 !== axes.length) return undefined;
    const middle = product(axes.map((i) => x.shape[i] as number));
    const inner = product(x.shape.slice(last + 1));
    const kept = attrs.keepDims ? axes.map(() => 1) : [];
    const out = output(b, [...x.shape.slice(0, first), ...kept, ...x.shape.slice(last + 1)]);
    const totals = scratch(b, 'totals', 8 * inner);
    native().sum(pointerOf(b, x), product(x.shape.slice(0, first)), middle, inner, mean ? 1 / middle : 1, totals, out.at);
    return out.info;
  };
}

/** The backend's own drops the gradient where the largest value of a window is not above zero. */
const maxPoolGrad: Kernel = ({ inputs, attrs, backend: b }) => {
  const { dy, input: x } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
  const { filterSize, strides, pad, dimRoundingMode } = attrs as Record<string, number> & { dimRoundingMode: 'floor' };
  const shape = x.shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize as number, strides as number, 1, pad as number, dimRoundingMode);
  const dx = output(b, x.shape);
  const k = native();
  k.clear(dx.at, 4 * sizeOf(x));
  const { inHeight, inWidth, inChannels, outHeight, outWidth, padInfo } = info;
  const sizes = [
    inHeight,
    inWidth,
    inChannels,
    outHeight,
    outWidth,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
  ];
  const [image, pooled] = [4 * inHeight * inWidth * inChannels, 4 * outHeight * outWidth * inChannels];
  for (let n = 0; n < info.batchSize; n++)
    k.maxPoolGrad(pointerOf(b, x) + n * image, pointerOf(b, dy) + n * pooled, ...sizes, padInfo.top, padInfo.left, dx.at + n * image);
  return dx.info;
};

export const exactKernels: Record<string, Kernel> = {
  Relu: clipped(() => [0, Number.POSITIVE_INFINITY]),
  Relu6: clipped(() => [0, 6]),
  ClipByValue: clipped((attrs) => [attrs.clipValueMin as number, attrs.clipValueMax as number]),
  Sign: sign,
  Sum: reduction(false),
  Mean: reduction(true),
  MaxPoolGrad: maxPoolGrad,
};
