/** Expectation over transformation, Athalye et al. 2018 (arXiv 1802.00420): a random classifier is climbed by the mean of several passes. */
import { tf } from '../../tensor/tf.ts';
import type { Target } from '../attack.ts';

/** Disposes `values` and returns their mean. */
function mean<T extends tf.Tensor>(values: readonly T[]): T {
  const result = tf.tidy(() => tf.addN([...values]).div(values.length) as T);
  tf.dispose([...values]);
  return result;
}

/** `target` with logits, the decisions that follow from them, and gradients averaged over `draws` passes, each of them counted. `target` itself where `draws` is 1. */
export function averagedTarget(target: Target, draws: number): Target {
  if (draws === 1) return target;
  const times = Array.from({ length: draws });
  const logits: Target['logits'] = (x, whose) => mean(times.map(() => target.logits(x, whose)));
  return {
    ...target,
    logits,
    decisions: (x, whose) => tf.tidy(() => logits(x, whose).argMax(1)),
    gradient(x, loss, whose) {
      const all = times.map(() => target.gradient(x, loss, whose));
      return { loss: mean(all.map((a) => a.loss)), logits: mean(all.map((a) => a.logits)), grad: mean(all.map((a) => a.grad)) };
    },
  };
}
