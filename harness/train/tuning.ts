/** Which of several trials of a defense is the best, by the validation images alone: a function of their records. */
import { RampartError } from '../../errors.ts';
import type { ModelRecord } from '../../records/record.ts';

/** Accuracies in [0,1] on the validation split of the weights that a trial kept. */
interface Score {
  readonly clean: number;
  readonly pgd: number;
}

/** Of the epoch that was kept. Throws where nothing was validated. */
function scoreOf({ name, epochs, bestEpoch }: ModelRecord): Score {
  const kept = bestEpoch === undefined ? epochs.at(-1) : epochs.find(({ epoch }) => epoch === bestEpoch);
  if (kept?.validationClean === undefined)
    throw new RampartError(`[tune ${name}] expected a validation of the epoch that was kept, got none`);
  return { clean: kept.validationClean, pgd: kept.validationPgd ?? 0 };
}

/** What a record says of the trials of which it is the choice, in their order, and the place of the best: by PGD or clean accuracy, then the other, then the first. */
export function chosenOf(trials: readonly ModelRecord[], selectBy: 'clean' | 'pgd' = 'pgd') {
  const scores = trials.map(scoreOf);
  const order = ({ clean, pgd }: Score) => (selectBy === 'clean' ? [clean, pgd] : [pgd, clean]) as [number, number];
  const ahead = (a: Score, b: Score) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1];
  const best = scores.reduce((a, b) => (ahead(b, a) > 0 ? b : a));
  return {
    chosen: scores.indexOf(best),
    trials: trials.map(({ key, defense, epochs, cost }, i) => ({
      key,
      params: defense.params,
      epochs: epochs.length,
      passes: cost.passes,
      wallMs: cost.wallMs,
      validation: scores[i] as Score,
    })),
  };
}
