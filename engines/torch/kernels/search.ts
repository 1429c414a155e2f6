/** What attacks do with whole rows, written for the CPU; elsewhere the same is composed of other kernels. */
import { FUSED } from '../../../tensor/fused.ts';
import type { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';

export const searches: readonly tf.KernelConfig[] = [
  kernel(FUSED.ascentStep, ({ ops, slot }) => ops.ascentStep(slot('origin'), slot('x'), slot('previous'), slot('grad'), slot('controls'))),
  kernel(FUSED.selectRows, ({ ops, slot }) => ops.selectRows(slot('a'), slot('b'), slot('takeB'))),
  kernel<{ norm: string }>(FUSED.hyperplaneStep, ({ ops, slot, attrs }) =>
    ops.hyperplaneStep(slot('t'), slot('w'), slot('offset'), attrs.norm),
  ),
  kernel<{ norm: string; alphaMax: number; eta: number }>(FUSED.boundaryStep, ({ ops, slot, attrs }) =>
    ops.boundaryStep(slot('x'), slot('origin'), slot('w'), slot('offset'), attrs.norm, attrs.alphaMax, attrs.eta),
  ),
  kernel<{ share: number }>(FUSED.stepBack, ({ ops, slot, attrs }) => ops.stepBack(slot('origin'), slot('x'), slot('moves'), attrs.share)),
];
