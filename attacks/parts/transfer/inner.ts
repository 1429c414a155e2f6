/** An attack that another attack runs on models of its choice. */
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, InnerAttack, Target, Threat } from '../../attack.ts';
import { answering } from '../../target.ts';
import { Finds, rowsOf } from '../search/finds.ts';

/**
 * The points `[n,h,w,c]` that `inner` makes of the whole batch on `target`, owned by the caller: those of the last of its members that was put
 * to an example. Each member is put to what `target` still has right after those before it, which costs a forward pass of every such example.
 */
export async function runInner(
  inner: readonly InnerAttack[],
  batch: Batch,
  target: Target,
  threat: Threat,
  { trace: _, inner: __, ...run }: AttackRun,
): Promise<tf.Tensor4D> {
  const finds = new Finds(batch);
  try {
    let left = Array.from(batch.ids.keys());
    for (const [k, { label, attack, streams }] of inner.entries()) {
      const size = streams ? Math.max(1, left.length) : run.batchSize;
      const own = { ...run, rng: run.rng.fork(label), sources: new Map<string, Target>() };
      for (let at = 0; at < left.length; at += size) {
        const rows = left.slice(at, at + size);
        const part = partOf(batch, rows);
        const points = await attack.perturb(part, targetOn(target, rows, { of: inner.length + 1, k }), threat, own);
        finds.found(
          points,
          rows.map((_, i) => i),
          rows,
          rows.map(() => 0),
        );
        tf.dispose([points, part.x, part.y]);
      }
      if (k < inner.length - 1)
        left = await stillRight(left, finds.points(), batch, target, { of: inner.length + 1, k: inner.length }, run);
    }
    return finds.finish(run, 0);
  } finally {
    finds.dispose();
  }
}

function partOf(batch: Batch, rows: readonly number[]): Batch {
  const pick = (from: Int32Array) => Int32Array.from(rows, (row) => from[row] as number);
  const labels = pick(batch.labels);
  return { x: rowsOf(batch.x, rows), y: tf.tensor1d(labels, 'int32'), labels, ids: pick(batch.ids) };
}

/** The rows whose points `target` has right, in passes of the run's size; disposes `points`. */
async function stillRight(
  rows: readonly number[],
  points: tf.Tensor4D,
  batch: Batch,
  target: Target,
  share: Share,
  { batchSize }: Pick<AttackRun, 'batchSize'>,
): Promise<number[]> {
  const right: number[] = [];
  try {
    for (let at = 0; at < rows.length; at += batchSize) {
      const part = rows.slice(at, at + batchSize);
      const x = rowsOf(points, part);
      const decisions = targetOn(target, part, share).decisions(x);
      const predicted = await decisions.data();
      right.push(...part.filter((row, i) => predicted[i] === batch.labels[row]));
      tf.dispose([x, decisions]);
    }
  } finally {
    points.dispose();
  }
  return right;
}

/** The `k`-th of so many uses of a target: each has attempts of its own at an example. */
interface Share {
  readonly of: number;
  readonly k: number;
}

/** `target` as an attack on these rows of its batch sees it. */
function targetOn(target: Target, rows: readonly number[], { of, k }: Share): Target {
  const there = (attempts: readonly Attempt[]): Attempt[] =>
    attempts.map(({ row, nth }) => ({ row: rows[row] as number, nth: nth * of + k }));
  const whoseOf = (x: tf.Tensor4D, whose?: readonly Attempt[]) =>
    there(whose ?? Array.from({ length: x.shape[0] }, (_, row) => ({ row, nth: 0 })));
  return answering(target, {
    logits: (x, whose) => target.logits(x, whoseOf(x, whose)),
    decisions: (x, whose) => target.decisions(x, whoseOf(x, whose)),
    gradient: (x, loss, whose) => target.gradient(x, loss, whoseOf(x, whose)),
    linearize: (x, whose) => target.linearize(x, whoseOf(x, whose)),
    discard: (attempts) => target.discard(there(attempts)),
  });
}
