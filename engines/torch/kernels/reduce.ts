/** Reductions, scans, soft maxima and searches along axes. */
import { tf } from '../../../tensor/tf.ts';
import type { Ops } from '../binding.ts';
import { kernel } from '../kernel.ts';

type Axes = number | number[];
interface Reduction {
  axis: Axes;
  reductionIndices?: Axes;
  keepDims: boolean;
}

function reduction(name: string, op: 'sum' | 'mean' | 'prod' | 'max' | 'min' | 'all' | 'any') {
  return kernel<Reduction>(name, ({ ops, slot, attrs, shape }) =>
    ops[op](slot('x'), tf.util.parseAxisParam(attrs.reductionIndices ?? attrs.axis, shape('x')), attrs.keepDims ?? false),
  );
}

function arg(name: string, op: 'argMax' | 'argMin') {
  return kernel<{ axis: number }>(name, ({ ops, slot, attrs, shape }) =>
    ops[op](slot('x'), tf.util.parseAxisParam(attrs.axis, shape('x'))[0] as number),
  );
}

function scan(name: string, op: 'cumsum' | 'cumprod') {
  return kernel<{ axis: number; exclusive: boolean; reverse: boolean }>(name, ({ ops, slot, attrs, shape }) =>
    ops[op](slot('x'), tf.util.parseAxisParam(attrs.axis, shape('x'))[0] as number, attrs.exclusive, attrs.reverse),
  );
}

/** Sequences `[batch, n]` and values `[batch, m]`: places before which the values go. */
function search(name: string, side?: 'left' | 'right') {
  return kernel<{ side: 'left' | 'right' }>(name, ({ ops, slot, attrs }) =>
    ops.searchSorted(slot('sortedSequence'), slot('values'), (side ?? attrs.side) === 'right'),
  );
}

const last = (attrs: { dim?: number; axis?: number }, rank: number, ops: Ops, op: 'softmax' | 'logSoftmax', slot: number) => {
  const axis = attrs.dim ?? attrs.axis ?? -1;
  return ops[op](slot, axis < 0 ? axis + rank : axis);
};

export const reductions: tf.KernelConfig[] = [
  reduction('Sum', 'sum'),
  reduction('Mean', 'mean'),
  reduction('Prod', 'prod'),
  reduction('Max', 'max'),
  reduction('Min', 'min'),
  reduction('All', 'all'),
  reduction('Any', 'any'),
  arg('ArgMax', 'argMax'),
  arg('ArgMin', 'argMin'),
  scan('Cumsum', 'cumsum'),
  scan('Cumprod', 'cumprod'),
  search('SearchSorted'),
  search('LowerBound', 'left'),
  search('UpperBound', 'right'),
  kernel<{ dim: number }>('Softmax', ({ ops, slot, attrs, shape }) => last(attrs, shape('logits').length, ops, 'softmax', slot('logits'))),
  kernel<{ axis: number }>('LogSoftmax', ({ ops, slot, attrs, shape }) =>
    last(attrs, shape('logits').length, ops, 'logSoftmax', slot('logits')),
  ),
  kernel<{ k: number; sorted: boolean }>('TopK', ({ ops, slot, attrs }) => ops.topK(slot('x'), attrs.k, attrs.sorted)),
];
