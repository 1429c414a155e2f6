/** Gather, scatter, one-hot and segment sums. */
import { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';

export const indexing: tf.KernelConfig[] = [
  kernel<{ axis: number; batchDims: number }>('GatherV2', ({ ops, slot, shape, inputs, attrs }) => {
    const axis = tf.util.parseAxisParam(attrs.axis, shape('x'))[0] as number;
    const { x, indices } = inputs as Record<string, tf.Tensor>;
    const batchDims = attrs.batchDims ?? 0;
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x as tf.Tensor, indices as tf.Tensor, axis, batchDims);
    return ops.gather(slot('x'), slot('indices'), axis, batchDims < 0 ? batchDims + shape('indices').length : batchDims);
  }),
  kernel('GatherNd', ({ ops, slot, inputs }) => {
    tf.backend_util.prepareAndValidate(inputs.params as tf.Tensor, inputs.indices as tf.Tensor);
    return ops.gatherNd(slot('params'), slot('indices'));
  }),
  kernel<{ shape: number[] }>('ScatterNd', ({ ops, slot, attrs }) => ops.scatterNd(slot('indices'), slot('updates'), attrs.shape)),
  kernel('TensorScatterUpdate', ({ ops, slot }) => ops.scatterUpdate(slot('tensor'), slot('indices'), slot('updates'))),
  kernel<{ depth: number; onValue: number; offValue: number; dtype?: string }>('OneHot', ({ ops, slot, attrs }) =>
    ops.oneHot(slot('indices'), attrs.depth, attrs.onValue, attrs.offValue, attrs.dtype ?? 'int32'),
  ),
  kernel<{ numSegments: number }>('UnsortedSegmentSum', ({ ops, slot, attrs }) =>
    ops.segmentSum(slot('x'), slot('segmentIds'), attrs.numSegments),
  ),
];
