/** A few broken examples of a cell as the gallery wants them: before, after, and how sure the model was of its mistake. */
import { createTarget } from '../../attacks/target.ts';
import { unitFloats } from '../../datasets/split.ts';
import type { Entry } from '../../models/safetensors.ts';
import { tf } from '../../tensor/tf.ts';
import { type EvaluationData, predict, type Subject } from '../evaluate/predict.ts';

/** Of the first `most` examples, undefined of none: entries `ids` [k], `clean` and `adversarial` [k,h,w,c] in [0,1], and `confidences` [k], the softmax probability of the predicted class, where the model has scores. */
export async function exampleEntries(
  { ids: all, adversarial }: { readonly ids: readonly number[]; readonly adversarial: Float32Array },
  most: number,
  data: EvaluationData,
  { classifier, name, rng }: Subject,
): Promise<Map<string, Entry> | undefined> {
  const [h, w, c] = data.shape;
  const first = all.slice(0, most);
  const k = first.length;
  if (k === 0) return undefined;
  const pixels = adversarial.slice(0, k * h * w * c);
  const clean = unitFloats(await data.read(first));
  const x = tf.tensor4d(pixels, [k, h, w, c]);
  const ids = first.map((id) => data.indices?.[id] ?? id);
  const { confidences } = await predict(createTarget(classifier, name, { rng: rng.fork('examples'), ids }), x);
  x.dispose();
  const entries: [string, Entry][] = [
    ['ids', { shape: [k], data: Float32Array.from(first) }],
    ['clean', { shape: [k, h, w, c], data: clean }],
    ['adversarial', { shape: [k, h, w, c], data: pixels }],
  ];
  // a label alone says nothing of how sure the model is
  if (classifier.access !== 'decision') entries.push(['confidences', { shape: [k], data: confidences }]);
  return new Map(entries);
}
