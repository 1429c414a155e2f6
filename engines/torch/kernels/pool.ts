/** Pools over two and three axes of space, their gradients, and local response normalisation. */
import { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';

const { backend_util: backendUtil } = tf;
type Pad2D = Parameters<typeof backendUtil.computePool2DInfo>[4];
type Pad3D = Parameters<typeof backendUtil.computePool3DInfo>[4];
type Rounding = 'floor' | 'round' | 'ceil';

interface Pool2D {
  filterSize: number | [number, number];
  strides: number | [number, number];
  dilations?: number | [number, number];
  pad: Pad2D;
  dimRoundingMode?: Rounding;
}
interface Pool3D {
  filterSize: number | [number, number, number];
  strides: number | [number, number, number];
  dilations?: number | [number, number, number];
  pad: Pad3D;
  dimRoundingMode?: Rounding;
}

interface Geometry {
  size: number[];
  strides: number[];
  dilations: number[];
  before: number[];
  out: number[];
}

function geometry2d(x: number[], a: Pool2D): Geometry {
  const info = backendUtil.computePool2DInfo(
    x as [number, number, number, number],
    a.filterSize,
    a.strides,
    a.dilations ?? 1,
    a.pad,
    a.dimRoundingMode,
  );
  return {
    size: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
    out: [info.outHeight, info.outWidth],
  };
}

function geometry3d(x: number[], a: Pool3D): Geometry {
  const info = backendUtil.computePool3DInfo(
    x as [number, number, number, number, number],
    a.filterSize,
    a.strides,
    a.dilations ?? 1,
    a.pad,
    a.dimRoundingMode,
  );
  return {
    size: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    out: [info.outDepth, info.outHeight, info.outWidth],
  };
}

/** TensorFlow.js takes a window of one point that keeps the shape as no pool at all, whatever padding and stride. */
function isIdentity({ size, out }: Geometry, x: number[]): boolean {
  return size.every((n) => n === 1) && out.every((n, i) => n === x[i + 1]);
}

/** Forward and gradient kernels of both pools for one number of axes. */
function family<A>(suffix: string, geometry: (x: number[], attrs: A) => Geometry): tf.KernelConfig[] {
  return [
    kernel<A>(`MaxPool${suffix}`, ({ ops, slot, shape, attrs }) => {
      const g = geometry(shape('x'), attrs);
      if (isIdentity(g, shape('x'))) return ops.identity(slot('x'));
      return ops.maxPool(slot('x'), g.size, g.strides, g.dilations, g.before, g.out);
    }),
    kernel<A>(`MaxPool${suffix}Grad`, ({ ops, slot, shape, attrs }) => {
      const g = geometry(shape('input'), attrs);
      return ops.maxPoolGrad(slot('dy'), slot('input'), g.size, g.strides, g.dilations, g.before, g.out);
    }),
    kernel<A>(`AvgPool${suffix}`, ({ ops, slot, shape, attrs }) => {
      const g = geometry(shape('x'), attrs);
      if (isIdentity(g, shape('x'))) return ops.identity(slot('x'));
      return ops.avgPool(slot('x'), g.size, g.strides, g.before, g.out);
    }),
    kernel<A>(`AvgPool${suffix}Grad`, ({ ops, slot, shape, attrs }) => {
      const g = geometry(shape('input'), attrs);
      return ops.avgPoolGrad(slot('dy'), slot('input'), g.size, g.strides, g.before, g.out);
    }),
  ];
}

interface Lrn {
  depthRadius: number;
  bias: number;
  alpha: number;
  beta: number;
}

export const pools: tf.KernelConfig[] = [
  ...family<Pool2D>('', geometry2d),
  ...family<Pool3D>('3D', geometry3d),
  kernel<Lrn>('LRN', ({ ops, slot, attrs: a }) => ops.lrn(slot('x'), a.depthRadius, a.bias, a.alpha, a.beta)),
  kernel<Lrn>('LRNGrad', ({ ops, slot, attrs: a }) =>
    ops.lrnGrad(slot('x'), slot('y'), slot('dy'), a.depthRadius, a.bias, a.alpha, a.beta),
  ),
];
