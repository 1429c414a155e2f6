/** New tensors, and old ones in another shape, order or size. */
import { tf } from '../../../tensor/tf.ts';
import { BACKEND, type TorchBackend } from '../backend.ts';
import { onHost } from '../host.ts';
import { kernel } from '../kernel.ts';

const { slice_util: sliceUtil, backend_util: backendUtil } = tf;

/** The data are shared: nothing in this engine writes into a tensor. */
const identity: tf.KernelConfig = {
  kernelName: 'Identity',
  backendName: BACKEND,
  kernelFunc: ({ inputs, backend }) => (backend as TorchBackend).share((inputs as { x: tf.TensorInfo }).x),
};

const fill: tf.KernelConfig = {
  kernelName: 'Fill',
  backendName: BACKEND,
  kernelFunc: ({ attrs, backend }) => {
    const torch = backend as TorchBackend;
    const { shape, value, dtype } = attrs as unknown as { shape: number[]; value: number | string; dtype?: tf.DataType };
    if (typeof value === 'string') return onHost('Fill', {}, attrs, torch);
    return torch.adopt(torch.ops.fill(shape, value, dtype ?? 'float32'));
  },
};

const like = (name: string, value: number) =>
  kernel(name, ({ ops, inputs, shape }) => ops.fill(shape('x'), value, (inputs.x as tf.TensorInfo).dtype));

interface StridedSlice {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

const stridedSlice = kernel<StridedSlice>('StridedSlice', ({ ops, slot, shape, attrs: a }) => {
  const info = sliceUtil.sliceInfo(
    shape('x'),
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
  const size = sliceUtil.computeOutShape(info.begin, info.end, info.strides).map((n) => Math.max(n, 0));
  return ops.stridedSlice(slot('x'), info.begin, size, info.strides, info.finalShape);
});

export const shapes: tf.KernelConfig[] = [
  identity,
  fill,
  like('ZerosLike', 0),
  like('OnesLike', 1),
  stridedSlice,
  kernel<{ shape: number[] }>('Reshape', ({ ops, slot, shape, attrs }) =>
    ops.reshape(slot('x'), tf.util.inferFromImplicitShape(attrs.shape, tf.util.sizeFromShape(shape('x')))),
  ),
  kernel<{ dim: number }>('ExpandDims', ({ ops, slot, shape, attrs }) => {
    const sizes = shape('input').slice();
    tf.util.assert(-(sizes.length + 1) <= attrs.dim, () => `Axis must be in the interval [${-(sizes.length + 1)}, ${sizes.length}]`);
    sizes.splice(attrs.dim < 0 ? attrs.dim + sizes.length + 1 : attrs.dim, 0, 1);
    return ops.reshape(slot('input'), sizes);
  }),
  kernel<{ perm: number[] }>('Transpose', ({ ops, slot, attrs }) => ops.transpose(slot('x'), attrs.perm)),
  kernel<{ reps: number[] }>('Tile', ({ ops, slot, attrs }) => ops.tile(slot('x'), attrs.reps)),
  kernel<{ shape: number[] }>('BroadcastTo', ({ ops, slot, attrs }) => ops.broadcastTo(slot('x'), attrs.shape)),
  kernel<{ dims: number | number[] }>('Reverse', ({ ops, slot, shape, attrs }) =>
    ops.reverse(slot('x'), tf.util.parseAxisParam(attrs.dims, shape('x'))),
  ),
  kernel('FlipLeftRight', ({ ops, slot }) => ops.reverse(slot('image'), [2])),
  kernel<{ axis: number }>('Concat', ({ ops, slots, inputs, attrs }) => {
    const shapesOf = Object.values(inputs).map((i) => i.shape);
    const axis = tf.util.parseAxisParam(attrs.axis, shapesOf[0] as number[])[0] as number;
    backendUtil.assertParamsConsistent(shapesOf, axis);
    return ops.concat(slots(), axis);
  }),
  kernel<{ axis: number }>('Pack', ({ ops, slots, inputs, attrs }) => {
    const all = Object.values(inputs);
    const first = all[0] as tf.TensorInfo;
    for (const { shape: s, dtype } of all) {
      tf.util.assertShapesMatch(first.shape, s, 'All tensors passed to stack must have matching shapes');
      tf.util.assert(first.dtype === dtype, () => 'All tensors passed to stack must have matching dtypes');
    }
    return ops.stack(slots(), attrs.axis);
  }),
  kernel<{ begin: number | number[]; size: number | number[] }>('Slice', ({ ops, slot, inputs, attrs }) => {
    const x = inputs.x as tf.TensorInfo;
    const [begin, size] = sliceUtil.parseSliceParams(x as tf.Tensor, attrs.begin, attrs.size);
    sliceUtil.assertParamsValid(x as tf.Tensor, begin as number[], size as number[]);
    return ops.slice(slot('x'), begin as number[], size as number[]);
  }),
  kernel<{ numOrSizeSplits: number | number[]; axis: number }>('SplitV', ({ ops, slot, inputs, attrs }) => {
    const x = inputs.x as tf.Tensor;
    const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0] as number;
    return ops.split(slot('x'), backendUtil.prepareSplitSize(x, attrs.numOrSizeSplits, axis), axis);
  }),
  kernel<{ axis: number }>('Unpack', ({ ops, slot, shape, attrs }) =>
    ops.unstack(slot('value'), attrs.axis < 0 ? attrs.axis + shape('value').length : attrs.axis),
  ),
  kernel<{ paddings: [number, number][]; constantValue: number }>('PadV2', ({ ops, slot, attrs }) =>
    ops.pad(slot('x'), attrs.paddings.flat(), attrs.constantValue),
  ),
  kernel<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>('MirrorPad', ({ ops, slot, attrs }) =>
    ops.mirrorPad(slot('x'), attrs.paddings.flat(), attrs.mode === 'reflect' ? 1 : 0),
  ),
  kernel<{ start: number; stop: number; step: number; dtype: string }>('Range', ({ ops, attrs }) => {
    const runsAway = attrs.start === attrs.stop || (attrs.start < attrs.stop ? attrs.step < 0 : attrs.stop < attrs.start && attrs.step > 1);
    if (runsAway) return ops.fill([0], 0, attrs.dtype);
    const step = attrs.stop < attrs.start && attrs.step === 1 ? -1 : attrs.step;
    return ops.range(attrs.start, attrs.stop, step, attrs.dtype);
  }),
  kernel<{ start: number; stop: number; num: number }>('LinSpace', ({ ops, attrs }) => ops.linspace(attrs.start, attrs.stop, attrs.num)),
  kernel<{ blockShape: number[]; paddings: number[][] }>('SpaceToBatchND', ({ ops, slot, attrs }) =>
    ops.spaceToBatch(slot('x'), attrs.blockShape, attrs.paddings.flat()),
  ),
  kernel<{ blockShape: number[]; crops: number[][] }>('BatchToSpaceND', ({ ops, slot, attrs }) =>
    ops.batchToSpace(slot('x'), attrs.blockShape, attrs.crops.flat()),
  ),
  kernel<{ blockSize: number; dataFormat: string }>('DepthToSpace', ({ ops, slot, attrs }) => {
    tf.util.assert(attrs.dataFormat === 'NHWC', () => `DepthToSpace expects NHWC, got ${attrs.dataFormat}`);
    return ops.depthToSpace(slot('x'), attrs.blockSize);
  }),
  kernel('Diag', ({ ops, slot }) => ops.diag(slot('x'))),
];
