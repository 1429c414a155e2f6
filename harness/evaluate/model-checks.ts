/** What is checked of a model from elsewhere before it is attacked, through the contract of a classifier alone: whatever is behind it gets the same checks. */
import type { Passes } from '../../attacks/attack.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { flag } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { batchOf, type EvaluationData, type Subject } from './predict.ts';
import { awayFromTheBox, compareSlopes, furthest, LONGEST, largest, Probe, range, rowOf, SHORTEST } from './slopes.ts';

export interface ModelChecks {
  /** Images that were looked at. */
  readonly images: number;
  /** What the checks cost: no attack's, no prediction's. */
  readonly passes: Passes;
  /** Two calls on the same images differ, and the model does not say so. */
  readonly randomized: boolean;
  readonly flags: Flag[];
}

const IMAGES = 4;

/** Of the largest logit. Kernels that add in another order from call to call (atomics of a GPU) are some 1e-6 apart, dropout some 1e-1. */
const REPEATS = 1e-4;

/** Of the largest logit. Another size of batch may take another kernel, down to the 10 bits of TF32; batch statistics move logits by some 1e-1 or more. */
const ALONE = 1e-2;

/** Of pairs whose differences tell something: a gradient of which fewer agree is none. */
const HALF = 0.5;

/**
 * Looks at a few images of `data`. Throws a RampartError where the logits are not `[n,classes]` or not finite, or where an image's logits
 * depend on the images beside it: no figure of such a model means anything. What makes a figure doubtful is a flag.
 */
export async function checkModel(subject: Subject, data: EvaluationData): Promise<ModelChecks> {
  const batch = await batchOf(
    data,
    Array.from({ length: IMAGES }, (_, i) => i % data.n),
  );
  const x = awayFromTheBox(batch.x);
  const probe = new Probe(subject);
  try {
    const logits = await probe.logits(x);
    const again = await probe.logits(x, range(IMAGES), 'again');
    const randomized = furthest(logits, again) > REPEATS * largest(logits);
    if (!randomized) await checkAlone(probe, x, logits);
    const flags = [
      ...(randomized ? [flag('undeclared-randomness', describe(logits, again))] : []),
      ...(await (subject.classifier.access ? queriesFlag(subject.classifier.access) : gradientFlags(probe, x, logits, randomized))),
    ];
    return { images: IMAGES, passes: probe.passes, randomized, flags };
  } finally {
    tf.dispose([x, batch.x, batch.y]);
  }
}

/** A model that answers anew at every call and does not say so, as one that does: it is judged and attacked as a randomised classifier. Its draws are its own, so its figures do not repeat exactly. */
export function asRandomized(classifier: Classifier): Classifier {
  const { linearize } = classifier;
  return {
    classes: classifier.classes,
    inputShape: classifier.inputShape,
    randomized: true,
    access: classifier.access,
    levels: classifier.levels,
    asked: classifier.asked,
    features: classifier.features,
    logits: (x, draws) => classifier.logits(x, draws),
    ...(linearize && { linearize: (x: tf.Tensor4D) => linearize.call(classifier, x) }),
    dispose: () => classifier.dispose(),
  };
}

function describe(logits: Float32Array, again: Float32Array): string {
  const share = (furthest(logits, again) / largest(logits)).toPrecision(2);
  return `two calls on the same images differ by ${share} of the largest logit: success is judged on mean answers, as for randomised defenses`;
}

/** Throws where an image alone has other logits than in its batch. */
async function checkAlone(probe: Probe, x: tf.Tensor4D, logits: Float32Array): Promise<void> {
  for (const row of range(IMAGES)) {
    const one = x.slice([row, 0, 0, 0], [1, -1, -1, -1]) as tf.Tensor4D;
    const alone = await probe.logits(one, [row], 'alone').finally(() => one.dispose());
    const apart = furthest(alone, rowOf(logits, row, IMAGES)) / largest(logits);
    if (!(apart <= ALONE))
      throw new RampartError(
        `[model ${probe.subject.name}] the logits of an image depend on the images beside it: alone they differ by ${apart.toPrecision(2)} of the largest from those in a batch of ${IMAGES}`,
        { remedy: 'put the model into evaluation mode, as model.eval() does in PyTorch' },
      );
  }
}

const queriesFlag = (access: 'scores' | 'decision') => [
  flag('queries-only', `it answers with ${access === 'scores' ? 'scores' : 'labels'} and with nothing else`),
];

async function gradientFlags(probe: Probe, x: tf.Tensor4D, logits: Float32Array, randomized: boolean): Promise<Flag[]> {
  const rng = new Rng('gradient check');
  const weights = rng.normal(logits.length);
  const grad = await probe.gradient(x, weights);
  const blind = range(IMAGES).filter((i) => rowOf(grad, i, IMAGES).every((v) => v === 0)).length;
  if (2 * blind >= IMAGES) return [flag('no-gradients', `the input gradient is zero in every pixel of ${blind} of ${IMAGES} images`)];
  // the differences of a model that answers anew at every call are those of its draws
  if (randomized) return [];
  const { agree, decided, pairs } = await compareSlopes(probe, x, { weights, grad, logits }, rng, HALF);
  const told = `along ${pairs} directions at ${IMAGES} images and steps of ${SHORTEST.toPrecision(1)} to ${LONGEST.toPrecision(1)}`;
  if (2 * decided < pairs)
    return [
      flag('no-gradients', `${told}, the logits change by no more than their rounding in ${pairs - decided}: there is nothing to climb`),
    ];
  if (2 * agree >= decided) return [];
  return [flag('gradient-mismatch', `${told}, the input gradient agrees with finite differences in ${agree} of ${decided}`)];
}
