/** Reads logits that a model from elsewhere must give, with the images that they are of. */
import { RampartError } from '../../errors.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import type { Entry } from '../safetensors.ts';

export interface ReferenceLogits {
  readonly n: number;
  /** `[n,classes]`. */
  readonly logits: Float32Array;
  /** `[n,h,w,c]` in [0,1]; the first n test images when absent. */
  readonly images: Float32Array | undefined;
}

/** More prove no more. */
const MOST_IMAGES = 1000;

/**
 * The entries `logits` `[n,classes]` and, unless they are of the first test images, `images` `[n,c,h,w]` as in PyTorch or `[n,h,w,c]`, in
 * [0,1], out of a file. Throws a RampartError that says what is expected.
 */
export function referenceLogits(entries: ReadonlyMap<string, Entry>, shape: Shape, classes: number, source: string): ReferenceLogits {
  const fail = (expected: string, got: string) => new RampartError(`[reference logits] ${source}: expected ${expected}, got ${got}`);
  // a `.npy` has one array, without a name
  const logits = entries.get('logits') ?? entries.get('');
  if (!logits)
    throw fail(
      'an entry "logits", and "images" unless they are of the first test images',
      [...entries.keys()].slice(0, 5).join(', ') || 'none',
    );
  const [n = 0] = logits.shape;
  if (logits.shape.join() !== [n, classes].join() || n < 1 || n > MOST_IMAGES)
    throw fail(`logits of shape [n, ${classes}] for 1 to ${MOST_IMAGES} images`, `[${logits.shape.join(', ')}]`);
  const images = entries.get('images');
  return { n, logits: logits.data, images: images && pixelsOf(images, n, shape, fail) };
}

function pixelsOf(
  { shape: given, data }: Entry,
  n: number,
  [h, w, c]: Shape,
  fail: (expected: string, got: string) => RampartError,
): Float32Array {
  const first = given.join() === [n, c, h, w].join();
  if (!first && given.join() !== [n, h, w, c].join())
    throw fail(`images of shape [${n}, ${c}, ${h}, ${w}] or [${n}, ${h}, ${w}, ${c}]`, `[${given.join(', ')}]`);
  const outside = data.find((v) => !(v >= 0 && v <= 1));
  if (outside !== undefined) throw fail('images in [0,1], before the normalisation', String(outside));
  if (!first) return data;
  const nhwc = tf.tidy(() => tf.tensor(data, [n, c, h, w]).transpose([0, 2, 3, 1]).dataSync());
  return nhwc as Float32Array;
}
