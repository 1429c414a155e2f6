import { expect, test } from 'vitest';
import { withSignsOfLife } from '../../../harness/job/signs-of-life.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { tf } from '../../../tensor/tf.ts';

/** Says which of its methods were called. */
function recorder(full: boolean): { classifier: Classifier; calls: string[] } {
  const calls: string[] = [];
  const logits = (x: tf.Tensor4D) => {
    calls.push('logits');
    return tf.zeros<tf.Rank.R2>([x.shape[0], 2]);
  };
  const linearize = (x: tf.Tensor4D) => {
    calls.push('linearize');
    return { logits: tf.zeros<tf.Rank.R2>([x.shape[0], 2]), pullback: () => tf.zerosLike(x), dispose: () => undefined };
  };
  const own = { classes: 2, inputShape: [1, 1, 1] as const, logits, dispose: () => void calls.push('dispose') };
  if (!full) return { classifier: own, calls };
  return { classifier: { ...own, linearize, randomized: true, reseed: (key) => void calls.push(`reseed ${key}`) }, calls };
}

test('every call reaches the classifier, and passes are signs of life', () => {
  const { classifier, calls } = recorder(true);
  let signs = 0;
  const wrapped = withSignsOfLife(classifier, () => signs++);
  const x = tf.zeros<tf.Rank.R4>([3, 1, 1, 1]);
  expect(wrapped.logits(x).shape).toEqual([3, 2]);
  wrapped.linearize?.(x).dispose();
  wrapped.reseed?.('key');
  wrapped.dispose();
  expect(calls).toEqual(['logits', 'linearize', 'reseed key', 'dispose']);
  expect(signs).toBe(2);
  expect([wrapped.randomized, wrapped.classes, wrapped.inputShape]).toEqual([true, 2, [1, 1, 1]]);
});

test('what a classifier does not offer is not offered', () => {
  const wrapped = withSignsOfLife(recorder(false).classifier, () => undefined);
  expect([wrapped.linearize, wrapped.reseed, wrapped.randomized]).toEqual([undefined, undefined, undefined]);
});
