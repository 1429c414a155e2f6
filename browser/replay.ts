/** Replays what a record claims to have broken: every image measured against its original and run through the network, by the harness's own checks. */
import { createTarget } from '../attacks/target.ts';
import { checkBudget } from '../harness/evaluate/checks.ts';
import { type Answer, answerOf } from '../harness/evaluate/margin.ts';
import type { Classifier } from '../models/classifier.ts';
import type { EvidenceCell } from '../records/evidence/format.ts';
import { tf } from '../tensor/tf.ts';

/**
 * `confirmed`: inside the ball, its original right, and itself wrong. `edge`: a logit is so near to another that another engine may decide
 * otherwise. `disputed`: anything else.
 */
export type Verdict = 'confirmed' | 'edge' | 'disputed';

export interface Replayed {
  /** Index in the test split. */
  readonly image: number;
  readonly label: number;
  /** The class that the network says here; undefined where the image was not run. */
  readonly prediction?: number;
  /** In the cell's norm; undefined where the image has no original here. */
  readonly distance?: number;
  /** Logit of the label minus the largest other one, on the adversarial image: negative where that is wrong. */
  readonly margin?: number;
  readonly verdict: Verdict;
  /** In words, unless it is confirmed. */
  readonly reason?: string;
}

/** Adversarial images `[k,h,w,c]`, and their originals where they are published. */
export interface Batch {
  readonly images: readonly number[];
  readonly labels: readonly number[];
  readonly adversarial: Float32Array;
  readonly originals: readonly (Float32Array | undefined)[];
}

/** What the network says of `x` `[n,h,w,c]`. */
async function answers(classifier: Classifier, name: string, x: tf.Tensor4D, labels: readonly number[]): Promise<Answer[]> {
  const logits = createTarget(classifier, name).logits(x);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  const classes = classifier.classes;
  return labels.map((label, i) => answerOf(values.subarray(i * classes, (i + 1) * classes), label));
}

/** Distance of one image from its original, or why it is not inside of the ball or the box. */
async function measured(x: tf.Tensor4D, original: tf.Tensor4D, { threat, attack }: EvidenceCell, image: number) {
  try {
    const [distance] = await checkBudget(x, original, threat, { attack, ids: Int32Array.of(image) });
    return { distance: distance as number };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** `disc`, or the number of a class without a name. */
const named = (names: readonly string[], c: number) => names[c] ?? String(c);

/** The verdict on each image of a batch. */
export async function replay(
  classifier: Classifier,
  names: readonly string[],
  cell: EvidenceCell,
  { images, labels, adversarial, originals }: Batch,
): Promise<Replayed[]> {
  const n = images.length;
  const shape = [n, ...classifier.inputShape] as [number, number, number, number];
  const size = adversarial.length / n;
  const clean = new Float32Array(adversarial.length);
  for (const [i, original] of originals.entries()) if (original) clean.set(original, i * size);
  const [x, x0] = [tf.tensor4d(adversarial, shape), tf.tensor4d(clean, shape)];
  try {
    const before = await answers(classifier, cell.attack, x0, labels);
    const after = await answers(classifier, cell.attack, x, labels);
    const results: Replayed[] = [];
    for (const [i, image] of images.entries()) {
      const label = labels[i] as number;
      const row = (t: tf.Tensor4D) => t.slice([i, 0, 0, 0], [1, -1, -1, -1]);
      const [one, origin] = [row(x), row(x0)];
      const measure = originals[i] ? await measured(one, origin, cell, image) : { refused: 'its original is not published' };
      tf.dispose([one, origin]);
      results.push({ image, label, ...judged(measure, before[i] as Answer, after[i] as Answer, label, names) });
    }
    return results;
  } finally {
    tf.dispose([x, x0]);
  }
}

type Measure = Awaited<ReturnType<typeof measured>>;

function judged(
  measure: Measure,
  before: Answer,
  after: Answer,
  label: number,
  names: readonly string[],
): Omit<Replayed, 'image' | 'label'> {
  const { prediction, margin } = after;
  const facts = { prediction, margin };
  if (measure.refused !== undefined) return { ...facts, verdict: 'disputed', reason: measure.refused };
  const told = { ...facts, distance: measure.distance };
  if (before.edge || after.edge) {
    const which = after.edge ? `its margin is ${margin.toExponential(1)}` : `that of its original is ${before.margin.toExponential(1)}`;
    return { ...told, verdict: 'edge', reason: `${which}: another engine may decide otherwise` };
  }
  if (before.prediction !== label)
    return { ...told, verdict: 'disputed', reason: `its original is wrong without the attack: ${named(names, before.prediction)}` };
  if (prediction === label)
    return { ...told, verdict: 'disputed', reason: `classified right, as ${named(names, label)}, by a margin of ${margin.toPrecision(3)}` };
  return { ...told, verdict: 'confirmed' };
}
