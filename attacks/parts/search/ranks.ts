/** The classes of every example in the order of its clean logits, for targeted attacks. */
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Target } from '../../attack.ts';
import { cleanLogits } from './climb.ts';

export interface Ranks {
  /** The class of rank `rank(attempt)` of every attempt's example, 0 being the largest logit: `[k]` int32, inside a tidy or the caller's. */
  tensor(attempts: readonly Attempt[], rank: (attempt: Attempt) => number): tf.Tensor1D;
  /** The class of rank `rank` of the example in this row of the batch. */
  at(row: number, rank: number): number;
}

/** One forward pass per example. */
export async function classesByRank(batch: Batch, target: Target, run: AttackRun): Promise<Ranks> {
  const logits = await cleanLogits(batch, target, run);
  const sorted = tf.topk(logits, target.classes, true);
  const classes = (await sorted.indices.data()) as Int32Array;
  tf.dispose([logits, sorted.values, sorted.indices]);
  const at = (row: number, rank: number) => classes[row * target.classes + rank] as number;
  return {
    at,
    tensor: (attempts, rank) =>
      tf.tensor1d(
        Int32Array.from(attempts, (attempt) => at(attempt.row, rank(attempt))),
        'int32',
      ),
  };
}
