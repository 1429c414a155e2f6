/** What is checked of a model from elsewhere before it is attacked, through the contract of a classifier alone: whatever is behind it gets the same checks. */
import type { Passes } from '../../attacks/attack.ts';
import { linearizeClassifier } from '../../attacks/target.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { flag } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { batchOf, type EvaluationData, type Subject } from './predict.ts';

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

/** Directions of differences per image. */
const DIRECTIONS = 3;

/**
 * How far every pixel moves, in the order of trial. A short step drowns in the rounding of float32, a long one crosses kinks of ReLU: a
 * gradient that is right agrees at one of them.
 */
const STEPS = [2 ** -10, 2 ** -12, 2 ** -8, 2 ** -6, 2 ** -14];
const LONGEST = Math.max(...STEPS);

/** Of the slope: kinks and curvature leave less than this at one of the steps. */
const AGREES = 0.1;

/** Of the largest logit: rounding of a forward pass in float32, measured on networks of 20 to 50 layers. */
const ROUNDING = 2 ** -19;

/**
 * Looks at a few images of `data`. Throws a RampartError where the logits are not `[n,classes]` or not finite, or where an image's logits
 * depend on the images beside it: no figure of such a model means anything. What makes a figure doubtful is a flag.
 */
export async function checkModel(subject: Subject, data: EvaluationData): Promise<ModelChecks> {
  const batch = await batchOf(
    data,
    Array.from({ length: IMAGES }, (_, i) => i % data.n),
  );
  // so that no step leaves the box, and pixels lie between the steps of a quantisation
  const x = tf.tidy(() => batch.x.mul(1 - 2 * LONGEST).add(LONGEST) as tf.Tensor4D);
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
    logits: (x, draws) => classifier.logits(x, draws),
    ...(linearize && { linearize: (x: tf.Tensor4D) => linearize.call(classifier, x) }),
    dispose: () => classifier.dispose(),
  };
}

const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const furthest = (a: Float32Array, b: Float32Array) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
const rowOf = (values: Float32Array, row: number, rows: number) =>
  values.subarray((row * values.length) / rows, ((row + 1) * values.length) / rows);

function describe(logits: Float32Array, again: Float32Array): string {
  const share = (furthest(logits, again) / largest(logits)).toPrecision(2);
  return `two calls on the same images differ by ${share} of the largest logit: success is judged on mean answers, as for randomised defenses`;
}

/** The model, its passes counted; a random one draws the same for an image at every call. */
class Probe {
  readonly passes = { forward: 0, backward: 0 };
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  #draws(rows: readonly number[], anew?: string): Rng[] | undefined {
    const { classifier, rng } = this.subject;
    if (classifier.randomized) return rows.map((row) => rng.fork('checks').fork(row));
    return anew === undefined ? undefined : rows.map((row) => new Rng(`checks/${anew}/${row}`));
  }

  /** Of the images `rows`, all unless given, after a look at their shape and values. Where it keeps answers, one for each word `anew`. */
  async logits(x: tf.Tensor4D, rows = range(x.shape[0]), anew?: string): Promise<Float32Array> {
    this.passes.forward += rows.length;
    const logits = this.subject.classifier.logits(x, this.#draws(rows, anew));
    try {
      return await this.#checked(logits, rows.length);
    } finally {
      logits.dispose();
    }
  }

  /** Of the sum of `weights` `[n,classes]` times logits, with respect to the images. */
  async gradient(x: tf.Tensor4D, weights: Float32Array): Promise<Float32Array> {
    const n = x.shape[0];
    const { classifier, name } = this.subject;
    const lin = linearizeClassifier(classifier, x, this.#draws(range(n)));
    const dlogits = tf.tensor2d(weights, [n, classifier.classes]);
    this.passes.forward += n;
    this.passes.backward += n;
    try {
      await this.#checked(lin.logits, n);
      const grad = lin.pullback(dlogits);
      if (grad.shape.join() !== x.shape.join())
        throw new RampartError(
          `[model ${name}] expected an input gradient of shape [${x.shape.join(', ')}], got [${grad.shape.join(', ')}]`,
        );
      const values = (await grad.data()) as Float32Array;
      grad.dispose();
      return values;
    } finally {
      dlogits.dispose();
      lin.dispose();
    }
  }

  async #checked(logits: tf.Tensor, n: number): Promise<Float32Array> {
    const { classifier, name } = this.subject;
    const expected = [n, classifier.classes];
    if (logits.shape.join() !== expected.join())
      throw new RampartError(`[model ${name}] expected logits of shape [${expected.join(', ')}], got [${logits.shape.join(', ')}]`, {
        remedy: 'the model must have one output per class of the data set, and no other',
      });
    const values = (await logits.data()) as Float32Array;
    const broken = values.findIndex((v) => !Number.isFinite(v));
    if (broken >= 0)
      throw new RampartError(
        `[model ${name}] expected finite logits, got ${values[broken]} on image ${Math.floor(broken / classifier.classes)}`,
        {
          remedy: 'the weights or the normalisation are broken',
        },
      );
    return values;
  }
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

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
  const { agree, decided, pairs } = await compareSlopes(probe, x, { weights, grad, logits }, rng);
  const told = `along ${pairs} directions at ${IMAGES} images and steps of ${Math.min(...STEPS).toPrecision(1)} to ${LONGEST.toPrecision(1)}`;
  if (2 * decided < pairs)
    return [
      flag('no-gradients', `${told}, the logits change by no more than their rounding in ${pairs - decided}: there is nothing to climb`),
    ];
  if (2 * agree >= decided) return [];
  return [flag('gradient-mismatch', `${told}, the input gradient agrees with finite differences in ${agree} of ${decided}`)];
}

interface Slopes {
  readonly weights: Float32Array;
  readonly grad: Float32Array;
  readonly logits: Float32Array;
}

/** Of all pairs of an image and a direction: in how many the differences stand out of the rounding at some step, and in how many they agree with the gradient at one. */
async function compareSlopes(
  probe: Probe,
  x: tf.Tensor4D,
  at: Slopes,
  rng: Rng,
): Promise<{ agree: number; decided: number; pairs: number }> {
  const pairs = IMAGES * DIRECTIONS;
  const directions = range(DIRECTIONS).map(() => Float32Array.from({ length: x.size }, () => (rng.next() < 0.5 ? -1 : 1)));
  const row = (values: Float32Array, i: number) => rowOf(values, i, IMAGES);
  const expected = directions.map((d) => range(IMAGES).map((i) => dot(row(at.grad, i), row(d, i))));
  const noise = range(IMAGES).map((i) => ROUNDING * largest(row(at.logits, i)) * Math.sqrt(dot(row(at.weights, i), row(at.weights, i))));
  const [decided, agree] = [new Set<string>(), new Set<string>()];
  for (const step of STEPS) {
    const measured: number[][] = [];
    for (const d of directions) measured.push(await differences(probe, x, d, step, at.weights));
    for (const i of range(IMAGES)) {
      const [got, want] = [measured, expected].map((all) => all.map((slopes) => slopes[i] as number)) as [number[], number[]];
      const size = Math.sqrt(
        Math.max(dot(Float32Array.from(got), Float32Array.from(got)), dot(Float32Array.from(want), Float32Array.from(want))) / DIRECTIONS,
      );
      const rounding = (noise[i] as number) / step;
      if (rounding > AGREES * size) continue;
      range(DIRECTIONS).forEach((k) => {
        decided.add(`${i} ${k}`);
        if (Math.abs((got[k] as number) - (want[k] as number)) <= AGREES * size + rounding) agree.add(`${i} ${k}`);
      });
    }
    if (2 * agree.size > pairs) break;
  }
  return { agree: agree.size, decided: decided.size, pairs };
}

/** Of each image, how fast its weighted logits change along the direction, from a step forward and one back. */
async function differences(probe: Probe, x: tf.Tensor4D, direction: Float32Array, step: number, weights: Float32Array): Promise<number[]> {
  const sides: Float32Array[] = [];
  for (const by of [step, -step]) {
    const moved = tf.tidy(() => x.add(tf.tensor4d(direction, x.shape).mul(by)) as tf.Tensor4D);
    sides.push(await probe.logits(moved).finally(() => moved.dispose()));
  }
  const [ahead, behind] = sides as [Float32Array, Float32Array];
  return range(IMAGES).map((i) => {
    const change = rowOf(ahead, i, IMAGES).map((v, k) => v - (rowOf(behind, i, IMAGES)[k] as number));
    return dot(change, rowOf(weights, i, IMAGES)) / (2 * step);
  });
}
