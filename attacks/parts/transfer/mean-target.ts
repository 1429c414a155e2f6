/** Several models as one that answers with the mean of their logits: Liu et al. 2017 (arXiv 1611.02770), ensemble in logits. */
import { tf } from '../../../tensor/tf.ts';
import type { Attempt, Passes, Target } from '../../attack.ts';
import { gradientOf } from '../../target.ts';

/** Passes are counted by each of `sources`, which must take and give the same. */
export function meanTarget(sources: readonly [Target, ...Target[]]): Target {
  const [{ classes, inputShape }] = sources;
  const mean = (logits: readonly tf.Tensor2D[]) => tf.addN([...logits]).div(sources.length) as tf.Tensor2D;
  const logits: Target['logits'] = (x, whose) => tf.tidy(() => mean(sources.map((s) => s.logits(x, whose))));
  const linearize: Target['linearize'] = (x, whose) => {
    const parts = sources.map((s) => s.linearize(x, whose));
    const own = tf.tidy(() => mean(parts.map((p) => p.logits)));
    const pullback = (dlogits: tf.Tensor2D) =>
      tf.tidy(() => {
        const share = dlogits.div(sources.length) as tf.Tensor2D;
        return tf.addN(parts.map((p) => p.pullback(share)));
      });
    const dispose = () => {
      own.dispose();
      for (const p of parts) p.dispose();
    };
    return { logits: own, pullback, dispose };
  };
  return {
    classes,
    inputShape,
    randomized: sources.some((s) => s.randomized),
    get passes() {
      return total(sources, 'passes');
    },
    get overhead() {
      return total(sources, 'overhead');
    },
    logits,
    decisions: (x, whose) => tf.tidy(() => logits(x, whose).argMax(1)),
    linearize,
    gradient: (x, loss, whose) => gradientOf(linearize(x, whose), loss),
    discard(attempts: readonly Attempt[]) {
      for (const source of sources) source.discard(attempts);
    },
    settle() {
      for (const source of sources) source.settle();
    },
  };
}

function total(sources: readonly Target[], account: 'passes' | 'overhead'): Passes {
  const sum = (kind: keyof Passes) => sources.reduce((all, s) => all + s[account][kind], 0);
  return { forward: sum('forward'), backward: sum('backward') };
}
