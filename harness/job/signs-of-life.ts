/** Signs of life, so that long work is not taken for a hung one. */
import type { Classifier } from '../../models/classifier.ts';
import type { JobContext } from './context.ts';

/** Between pieces of long work that asks no classifier: a sign of life, and the end where the job is to end. */
export function alive({ signal, report }: Pick<JobContext, 'signal' | 'report'>): () => void {
  return () => {
    signal.throwIfAborted();
    report();
  };
}

/** A classifier with the same answers; `sign` is called before each. Disposing it disposes `classifier`. */
export function withSignsOfLife(classifier: Classifier, sign: () => void): Classifier {
  const { linearize, features } = classifier;
  // every member of the contract, or it does not compile: one that is forgotten would be lost in silence
  const all: { [Member in keyof Required<Classifier>]: Classifier[Member] } = {
    classes: classifier.classes,
    inputShape: classifier.inputShape,
    randomized: classifier.randomized,
    access: classifier.access,
    levels: classifier.levels,
    asked: classifier.asked,
    logits(x, draws) {
      sign();
      return classifier.logits(x, draws);
    },
    linearize:
      linearize &&
      ((x, draws) => {
        sign();
        return linearize.call(classifier, x, draws);
      }),
    features: features && {
      width: features.width,
      linearize(x, draws) {
        sign();
        return features.linearize(x, draws);
      },
      logits: (z) => features.logits(z),
    },
    dispose: () => classifier.dispose(),
  };
  return all;
}
