/** The wrong classes of every example by how near their boundaries are in the linear picture, as MALT ranks targets: Melamed, Yehudai and Shamir 2024 (arXiv 2407.02240). */
import { norm } from '../../../tensor/norms/index.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch, Target, Threat } from '../../attack.ts';
import { turn } from './finds.ts';
import type { Ranks } from './ranks.ts';

/**
 * Of the `candidates` classes with the largest clean logits, the order of the gap between the right logit and theirs over the dual norm of the
 * gradient of that gap: the distance of the boundary, were the model linear. Rank 0 is the nearest. One forward pass per example and a backward pass
 * per candidate.
 */
export async function nearestClasses(batch: Batch, target: Target, threat: Threat, run: AttackRun, candidates: number): Promise<Ranks> {
  const classes = new Int32Array(batch.ids.length * candidates);
  for (let at = 0; at < batch.ids.length; at += run.batchSize) {
    await turn(run.signal);
    const n = Math.min(run.batchSize, batch.ids.length - at);
    classes.set(await ranked(batch, { at, n }, target, threat, candidates), at * candidates);
  }
  const place = (row: number, rank: number) => classes[row * candidates + rank] as number;
  return {
    at: place,
    tensor: (attempts, rank) =>
      tf.tensor1d(
        Int32Array.from(attempts, (attempt) => place(attempt.row, rank(attempt))),
        'int32',
      ),
  };
}

/** The classes of `n` examples from row `at` on, row by row. */
async function ranked(
  batch: Batch,
  { at, n }: { at: number; n: number },
  target: Target,
  threat: Threat,
  candidates: number,
): Promise<Int32Array> {
  const [x, y] = tf.tidy(() => [batch.x.slice([at, 0, 0, 0], [n, -1, -1, -1]), batch.y.slice(at, n)]) as [tf.Tensor4D, tf.Tensor1D];
  const whose = Array.from({ length: n }, (_, i) => ({ row: at + i, nth: 0 }));
  const lin = target.linearize(x, whose);
  const order = tf.tidy(() => {
    const right = tf.oneHot(y, target.classes).cast('float32');
    const largest = tf.topk(lin.logits.sub(right.mul(1e9)), candidates, true).indices as tf.Tensor2D;
    const distances = tf.unstack(largest, 1).map((k, i) => {
      const toward = tf
        .oneHot(k as tf.Tensor1D, target.classes)
        .cast('float32')
        .sub(right) as tf.Tensor2D;
      const gap = lin.logits.mul(toward).sum(1).neg();
      const gradient = lin.pullback(toward, i === candidates - 1);
      return gap.div(tf.maximum(norm(threat.norm).dual(gradient), 1e-12));
    });
    // the smallest distance first; of equal ones the larger logit
    const places = tf.topk(tf.stack(distances, 1).neg(), candidates, true).indices as tf.Tensor2D;
    const offsets = tf.range(0, n, 1, 'int32').mul(tf.scalar(candidates, 'int32')).expandDims(1);
    return tf.gather(largest.reshape([-1]), places.add(offsets).cast('int32').reshape([-1]) as tf.Tensor1D).cast('int32');
  });
  try {
    return Int32Array.from(await order.data());
  } finally {
    lin.dispose();
    tf.dispose([x, y, order]);
  }
}
