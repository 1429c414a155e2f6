/** What a reader must know of how a training went. */
import { flag } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import type { Facts } from './facts.ts';
import { overfitsCatastrophically } from './validate.ts';

/** The flags of a training of which `planned` epochs were to come. */
export function trainingFlags({ epochs, stopped }: Facts, planned: number): Flag[] {
  const flags: Flag[] = [];
  const collapsed = epochs.findIndex((_, i) => overfitsCatastrophically(epochs.slice(0, i + 1)));
  if (collapsed >= 0)
    flags.push(
      flag(
        'catastrophic-overfitting',
        `at epoch ${collapsed} accuracy under PGD-10 on the validation split fell below half its best while that under FGSM did not fall`,
      ),
    );
  if (stopped) flags.push(flag('early-stop', `stopped after epoch ${epochs.length - 1} of ${planned}: no better validation`));
  return flags;
}
