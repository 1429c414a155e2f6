/** Finite values, noted on the device: what is known of them comes with whatever is read next. */
import type { FiniteWatch } from '../../tensor/finite.ts';
import type { TorchBackend } from './backend.ts';

export function watchOn(torch: TorchBackend): FiniteWatch {
  const watch = torch.ops.finiteWatch();
  return {
    note: (values) => torch.ops.finiteNote(watch, torch.slot(values)),
    known: () => torch.ops.finiteKnown(watch),
    settle() {
      if (torch.ops.finiteSettle()) torch.traffic.reads++;
    },
  };
}
