/** APGD towards one class after the other, on the targeted difference of logits ratio. */
import type { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch, Target, Threat } from '../../attack.ts';
import { targetedDlr } from '../dlr.ts';
import type { Ranks } from '../search/ranks.ts';
import { apgdSearch } from './apgd.ts';
import type { ApgdParams } from './params.ts';

/** The targets of every example: `tried` classes of `ranks`, from rank `first` on. */
export interface Targets {
  readonly ranks: Pick<Ranks, 'tensor'>;
  readonly first: number;
  readonly tried: number;
}

/** Restarts of one target come before the next target. */
export function apgdTargeted(
  batch: Batch,
  target: Target,
  threat: Threat,
  run: AttackRun,
  { ranks, first, tried, ...p }: ApgdParams & Targets,
): Promise<tf.Tensor4D> {
  return apgdSearch(batch, target, threat, run, {
    ...p,
    isMargin: true,
    attempts: tried * p.restarts,
    loss: (attempts, y) => targetedDlr(y, () => ranks.tensor(attempts, ({ nth }) => first + Math.floor(nth / p.restarts))),
  });
}
