/** A few broken examples of a cell as the gallery wants them: before, after, and how sure the model was of its mistake. */
import { createTarget } from '../../attacks/target.ts';
import { unitFloats } from '../../datasets/split.ts';
import type { Entry } from '../../models/safetensors.ts';
import { tf } from '../../tensor/tf.ts';
import { type EvaluationData, predict, type Subject } from '../evaluate/predict.ts';

/** Entries `ids` [k], `clean` and `adversarial` [k,h,w,c] in [0,1], and `confidences` [k], the softmax probability of the predicted class, where the model has scores. */
export async function exampleEntries(
  examples: { readonly ids: readonly number[]; readonly adversarial: Float32Array },
  data: EvaluationData,
  { classifier, name, rng }: Subject,
): Promise<Map<string, Entry>> {
  const [h, w, c] = data.shape;
  const k = examples.ids.length;
  const clean = unitFloats(await data.read(examples.ids));
  const x = tf.tensor4d(examples.adversarial, [k, h, w, c]);
  const ids = examples.ids.map((id) => data.indices?.[id] ?? id);
  const { confidences } = await predict(createTarget(classifier, name, { rng: rng.fork('examples'), ids }), x);
  x.dispose();
  const entries: [string, Entry][] = [
    ['ids', { shape: [k], data: Float32Array.from(examples.ids) }],
    ['clean', { shape: [k, h, w, c], data: clean }],
    ['adversarial', { shape: [k, h, w, c], data: examples.adversarial }],
  ];
  // a label alone says nothing of how sure the model is
  if (classifier.access !== 'decision') entries.push(['confidences', { shape: [k], data: confidences }]);
  return new Map(entries);
}
