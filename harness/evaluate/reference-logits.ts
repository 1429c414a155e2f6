/** Holds a model from elsewhere to logits that were computed where it comes from: the proof that it was imported as it is. */

import { unitFloats } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import type { ReferenceLogits } from '../../models/import/reference.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { chunks, type EvaluationData, type Subject } from './predict.ts';

/** Throws a RampartError where the model's logits are further from those of the reference than `tolerance` of the largest. */
export async function holdToReference(
  { classifier, name }: Subject,
  { n, logits, images }: ReferenceLogits,
  data: EvaluationData,
  batchSize: number,
  tolerance: number,
): Promise<void> {
  if (!images && n > data.n)
    throw new RampartError(`[model ${name}] expected reference logits of at most the ${data.n} test images, got ${n}`, {
      remedy: 'put the images into the file too, as "images"',
    });
  const scale = logits.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  let worst = { apart: 0, image: 0 };
  for (const ids of chunks(
    Array.from({ length: n }, (_, i) => i),
    batchSize,
  )) {
    const [pixels, from] = images ? [images, ids[0] as number] : [unitFloats(await data.read(ids)), 0];
    const got = await logitsOf(classifier, piece(pixels, from, ids.length, data.shape));
    got.forEach((v, k) => {
      const at = (ids[0] as number) * classifier.classes + k;
      const apart = Math.abs(v - (logits[at] as number)) / scale;
      if (!(apart <= worst.apart)) worst = { apart, image: Math.floor(at / classifier.classes) };
    });
  }
  if (worst.apart <= tolerance) return;
  throw new RampartError(
    `[model ${name}] expected the logits of the reference to ${tolerance} of the largest, got ${worst.apart.toPrecision(2)} on image ${worst.image}`,
    { remedy: 'check architecture and its parameters (shortcut, activation), mean and std, bnEps, and the order of channels' },
  );
}

function piece(images: Float32Array, from: number, count: number, [h, w, c]: Shape): tf.Tensor4D {
  const size = h * w * c;
  return tf.tensor4d(images.slice(from * size, (from + count) * size), [count, h, w, c]);
}

/** Disposes `x`. */
async function logitsOf(classifier: Subject['classifier'], x: tf.Tensor4D): Promise<Float32Array> {
  const logits = classifier.logits(x);
  x.dispose();
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}
