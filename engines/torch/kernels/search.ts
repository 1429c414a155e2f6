/** What attacks do with whole rows. Where a kernel is not registered, the same is composed of others. */
import { FUSED } from '../../../tensor/fused.ts';
import type { tf } from '../../../tensor/tf.ts';
import { type Call, kernel } from '../kernel.ts';

type Step = { step: number; eps: number };
const stepOf = ({ slot, attrs }: Call<Step>) => [slot('x'), slot('grad'), slot('origin'), attrs.step, attrs.eps] as const;
const ascentOf = ({ slot }: Call<Record<string, never>>) =>
  [slot('origin'), slot('x'), slot('previous'), slot('grad'), slot('controls')] as const;

/** Steps written as formulas (native/formula.h): loops on the CPU, and on a GPU that compiles them one launch each. */
export const formulas: readonly tf.KernelConfig[] = [
  kernel<Step>(FUSED.signStep, (call) => call.ops.signStep(...stepOf(call))),
  kernel<Step>(FUSED.sphereStep, (call) => call.ops.sphereStep(...stepOf(call))),
  kernel(FUSED.ascentStep, (call) => call.ops.ascentStep(...ascentOf(call))),
  kernel(FUSED.sphereAscent, (call) => call.ops.sphereAscent(...ascentOf(call))),
  kernel<{ share: number }>(FUSED.stepBack, ({ ops, slot, attrs }) => ops.stepBack(slot('origin'), slot('x'), slot('moves'), attrs.share)),
];

/** The choice of rows, on any device. */
export const choices: readonly tf.KernelConfig[] = [
  kernel(FUSED.selectRows, ({ ops, slot }) => ops.selectRows(slot('a'), slot('b'), slot('takeB'))),
];

/** Where the device is not this process, so that points need not be sent; `best` and what is asked next. */
export const proposals: readonly tf.KernelConfig[] = [
  kernel(FUSED.squareStep, ({ ops, slot }) =>
    ops.squareStep(slot('best'), slot('last'), slot('low'), slot('high'), slot('drawn'), slot('rows'), slot('columns')),
  ),
];

/** Written for the CPU alone. */
export const projections: readonly tf.KernelConfig[] = [
  kernel<{ norm: string }>(FUSED.hyperplaneStep, ({ ops, slot, attrs }) =>
    ops.hyperplaneStep(slot('t'), slot('w'), slot('offset'), attrs.norm),
  ),
  kernel<{ norm: string; alphaMax: number; eta: number }>(FUSED.boundaryStep, ({ ops, slot, attrs }) =>
    ops.boundaryStep(slot('x'), slot('origin'), slot('w'), slot('offset'), attrs.norm, attrs.alphaMax, attrs.eta),
  ),
];
