/** The kernels of `tensor/fused.ts`, and batch normalisation in evaluation. */
import { FUSED } from '../../../tensor/fused.ts';
import type { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';
import type { Slot } from '../slot.ts';

export const fused: tf.KernelConfig[] = [
  kernel<{ eps: number }>(FUSED.batchNormTrain, ({ ops, slot, attrs }) => ops.batchNorm(slot('x'), slot('gamma'), slot('beta'), attrs.eps)),
  kernel<{ eps: number }>(FUSED.batchNormTrainGrad, ({ ops, slot, attrs }) =>
    ops.batchNormGrad(slot('x'), slot('dy'), slot('gamma'), slot('mean'), slot('variance'), attrs.eps),
  ),
  kernel(FUSED.reluGrad, ({ ops, slot }) => ops.reluGrad(slot('dy'), slot('y'))),
  kernel(FUSED.softmaxCrossEntropy, ({ ops, slot }) => ops.crossEntropy(slot('logits'), slot('labels'))),
  kernel(FUSED.softmaxCrossEntropyGrad, ({ ops, slot }) => ops.crossEntropyGrad(slot('logits'), slot('labels'), slot('dy'))),
  kernel(FUSED.klDivergence, ({ ops, slot }) => ops.klDivergence(slot('p'), slot('q'))),
  kernel(FUSED.klDivergenceGrad, ({ ops, slot }) => ops.klDivergenceGrad(slot('p'), slot('q'), slot('dy'))),
  kernel<{ lr: number; momentum: number; weightDecay: number }>(FUSED.sgdMomentumAll, ({ ops, slots, attrs: a }) => {
    const all = slots();
    const n = all.length / 3;
    return ops.sgdMomentum(all.slice(0, n), all.slice(n, 2 * n), all.slice(2 * n), a.lr, a.momentum, a.weightDecay);
  }),
  kernel<{ corrections: number[]; momentum: number }>(FUSED.moveStatistics, ({ ops, slots, attrs }) => {
    const running = slots();
    const [means, variances] = running.splice(-2) as [Slot, Slot];
    return ops.moveStatistics(running, means, variances, attrs.corrections, attrs.momentum);
  }),
  kernel<{ varianceEpsilon: number }>('FusedBatchNorm', ({ ops, slot, optional, attrs }) =>
    ops.batchNormInference(slot('x'), slot('mean'), slot('variance'), optional('offset'), optional('scale'), attrs.varianceEpsilon),
  ),
];
