import { expect, test } from 'vitest';
import { withSignsOfLife } from '../../../harness/job/signs-of-life.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

/** Says which of its methods were called. */
function recorder(full: boolean): { classifier: Classifier; calls: string[] } {
  const calls: string[] = [];
  const logits = (x: tf.Tensor4D, draws?: readonly Rng[]) => {
    calls.push(`logits ${draws?.[0]?.key}`);
    return tf.zeros<tf.Rank.R2>([x.shape[0], 2]);
  };
  const linearize = (x: tf.Tensor4D, draws?: readonly Rng[]) => {
    calls.push(`linearize ${draws?.[0]?.key}`);
    return { logits: tf.zeros<tf.Rank.R2>([x.shape[0], 2]), pullback: () => tf.zerosLike(x), dispose: () => undefined };
  };
  const own = { classes: 2, inputShape: [1, 1, 1] as const, logits, dispose: () => void calls.push('dispose') };
  if (!full) return { classifier: own, calls };
  return { classifier: { ...own, linearize, randomized: true }, calls };
}

test('every call reaches the classifier with its draws, and passes are signs of life', () => {
  const { classifier, calls } = recorder(true);
  let signs = 0;
  const wrapped = withSignsOfLife(classifier, () => signs++);
  const x = tf.zeros<tf.Rank.R4>([3, 1, 1, 1]);
  expect(wrapped.logits(x, [new Rng('a')]).shape).toEqual([3, 2]);
  wrapped.linearize?.(x, [new Rng('b')]).dispose();
  wrapped.dispose();
  expect(calls).toEqual(['logits a', 'linearize b', 'dispose']);
  expect(signs).toBe(2);
  expect([wrapped.randomized, wrapped.classes, wrapped.inputShape]).toEqual([true, 2, [1, 1, 1]]);
});

test('what a classifier does not offer is not offered', () => {
  const wrapped = withSignsOfLife(recorder(false).classifier, () => undefined);
  expect([wrapped.linearize, wrapped.randomized]).toEqual([undefined, undefined]);
});
