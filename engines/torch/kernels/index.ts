/** The kernels of the torch engine. */
import type { tf } from '../../../tensor/tf.ts';
import { hostKernel } from '../host.ts';
import { convolutions } from './conv.ts';
import { elementwise } from './elementwise.ts';
import { fused } from './fused.ts';
import { images } from './image.ts';
import { indexing } from './indexing.ts';
import { linear } from './linear.ts';
import { pools } from './pool.ts';
import { reductions } from './reduce.ts';
import { choices, formulas, projections, proposals } from './search.ts';
import { shapes } from './shape.ts';

const onHost = [
  'Bincount',
  'BroadcastArgs',
  'CropAndResize',
  'DenseBincount',
  'Dilation2D',
  'Dilation2DBackpropFilter',
  'Dilation2DBackpropInput',
  'MaxPoolWithArgmax',
  'Multinomial',
  'NonMaxSuppressionV3',
  'NonMaxSuppressionV4',
  'NonMaxSuppressionV5',
  'RaggedGather',
  'RaggedRange',
  'RaggedTensorToTensor',
  'RotateWithOffset',
  'SparseFillEmptyRows',
  'SparseReshape',
  'SparseSegmentMean',
  'SparseSegmentSum',
  'SparseToDense',
  'StaticRegexReplace',
  'StringNGrams',
  'StringSplit',
  'StringToHashBucketFast',
  'Transform',
  'Unique',
];

const everywhere: readonly tf.KernelConfig[] = [
  ...elementwise,
  ...reductions,
  ...shapes,
  ...indexing,
  ...convolutions,
  ...pools,
  ...linear,
  ...images,
  ...fused,
  ...choices,
  ...onHost.map(hostKernel),
];

/** Every kernel for `device`, such as "cpu" or "cuda:0"; `compiles`: whether it has formulas. */
export function kernelsOf(device: string, compiles: boolean): readonly tf.KernelConfig[] {
  const onCpu = device === 'cpu';
  return [...everywhere, ...(compiles ? formulas : []), ...(onCpu ? projections : compiles ? proposals : [])];
}
