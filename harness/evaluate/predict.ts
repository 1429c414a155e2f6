/** What a classifier says of examples as they are, or as an attack left them. */
import type { Batch, Passes, Target } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Split } from '../../datasets/dataset.ts';
import { unitFloats } from '../../datasets/split.ts';
import type { Classifier } from '../../models/classifier.ts';
import type { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';

/** Examples 0..n-1 of a selection of test images, read by piece. */
export interface EvaluationData extends Split {
  /** Index in the data set's test split of each example, by which its random numbers are drawn; 0..n-1 when absent. */
  readonly indices?: readonly number[];
  readonly shape: Shape;
}

/** Random classifiers answer differently every time: their prediction is the class with the largest probability averaged over so many answers. */
export const RANDOMIZED_DRAWS = 5;

/** Predicted class and its probability for every example of `x`. Counts on `target`. */
export async function predict(target: Target, x: tf.Tensor4D): Promise<{ predictions: Int32Array; confidences: Float32Array }> {
  // in one answer; a float32 holds any class
  const both = (predicted: tf.Tensor, confidence: tf.Tensor) => tf.stack([predicted.cast('float32'), confidence]);
  const result = tf.tidy(() => {
    // one answer is judged by its logits: the probabilities of a confident model tie at 1
    const logits = target.logits(x);
    if (!target.randomized) return both(logits.argMax(1), tf.softmax(logits).max(1));
    let sum = tf.softmax(logits);
    for (let i = 1; i < RANDOMIZED_DRAWS; i++) sum = sum.add(tf.softmax(target.logits(x)));
    return both(sum.argMax(1), sum.max(1).div(RANDOMIZED_DRAWS));
  });
  const values = (await result.data()) as Float32Array;
  result.dispose();
  target.settle();
  const n = x.shape[0];
  return { predictions: Int32Array.from(values.subarray(0, n)), confidences: values.slice(n, 2 * n) };
}

/** The examples `ids` as tensors; the caller disposes `x` and `y`. */
export async function batchOf(data: EvaluationData, ids: readonly number[]): Promise<Batch> {
  const pixels = unitFloats(await data.read(ids));
  const labels = Int32Array.from(ids, (id) => data.labels[id] as number);
  return {
    x: tf.tensor4d(pixels, [ids.length, ...data.shape]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids: Int32Array.from(ids, (id) => data.indices?.[id] ?? id),
  };
}

export function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** Whose predictions, and with which random numbers where the classifier is random: each example has its own. */
export interface Subject {
  readonly classifier: Classifier;
  /** For messages. */
  readonly name: string;
  readonly rng: Rng;
}

/** Predictions on the examples `ids` as they are, in passes of `batchSize`. */
export async function predictions(
  { classifier, name, rng }: Subject,
  data: EvaluationData,
  ids: readonly number[],
  batchSize: number,
): Promise<{ predictions: number[]; confidences: number[]; passes: Passes }> {
  const all = { predictions: [] as number[], confidences: [] as number[], passes: { forward: 0, backward: 0 } };
  for (const part of chunks(ids, batchSize)) {
    const batch = await batchOf(data, part);
    const target = createTarget(classifier, name, { rng, ids: batch.ids });
    const answer = await predict(target, batch.x);
    all.predictions.push(...answer.predictions);
    all.confidences.push(...answer.confidences);
    all.passes.forward += target.passes.forward;
    tf.dispose([batch.x, batch.y]);
  }
  return all;
}

/** Predictions on the examples as they are, with the passes they took. `robust` is `1` where right. */
export async function predictClean(
  { classifier, name, rng }: Subject,
  data: EvaluationData,
  batchSize: number,
): Promise<{ robust: string; predictions: number[]; passes: Passes; confidences: number[] }> {
  const all = Array.from({ length: data.n }, (_, i) => i);
  const clean = await predictions({ classifier, name, rng: rng.fork('clean') }, data, all, batchSize);
  const robust = clean.predictions.map((p, i) => (p === data.labels[i] ? '1' : '0')).join('');
  return { robust, ...clean };
}
