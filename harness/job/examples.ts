/** A few broken examples of a cell as the gallery wants them: before, after, and how sure the model was of its mistake. */
import { createTarget } from '../../attacks/target.ts';
import type { Entry } from '../../models/safetensors.ts';
import { tf } from '../../tensor/tf.ts';
import { type EvaluationData, predict, type Subject } from '../evaluate/predict.ts';

/** Entries `ids` [k], `clean` and `adversarial` [k,h,w,c] in [0,1], and `confidences` [k], the softmax probability of the predicted class. */
export async function exampleEntries(
  examples: { readonly ids: readonly number[]; readonly adversarial: Float32Array },
  data: EvaluationData,
  { classifier, name, rng }: Subject,
): Promise<Map<string, Entry>> {
  const [h, w, c] = data.shape;
  const size = h * w * c;
  const k = examples.ids.length;
  const clean = new Float32Array(k * size);
  examples.ids.forEach((id, i) => {
    for (let j = 0; j < size; j++) clean[i * size + j] = (data.images[id * size + j] as number) / 255;
  });
  const x = tf.tensor4d(examples.adversarial, [k, h, w, c]);
  const ids = examples.ids.map((id) => data.indices?.[id] ?? id);
  const { confidences } = await predict(createTarget(classifier, name, { rng: rng.fork('examples'), ids }), x);
  x.dispose();
  return new Map<string, Entry>([
    ['ids', { shape: [k], data: Float32Array.from(examples.ids) }],
    ['clean', { shape: [k, h, w, c], data: clean }],
    ['adversarial', { shape: [k, h, w, c], data: examples.adversarial }],
    ['confidences', { shape: [k], data: confidences }],
  ]);
}
