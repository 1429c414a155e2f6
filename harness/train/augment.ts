/** Training batches on the host: pixels of images, each cropped and flipped by random numbers of its own. */
import type { Split } from '../../datasets/dataset.ts';
import { unitFloats } from '../../datasets/split.ts';
import type { Rng } from '../../tensor/rng.ts';
import type { Shape } from '../../tensor/tf.ts';
import type { Recipe } from '../suite/recipe.ts';

const PAD = 4;

/** Images `ids` of `split` as floats in [0,1], `ids.length * h * w * c` in NHWC order. */
export async function plainImages(split: Split, ids: Int32Array): Promise<Float32Array> {
  return unitFloats(await split.read(ids));
}

/** The images `plain`, those of `ids`, each after a random crop from the image padded with 4 black pixels on each side, and a horizontal flip with probability 1/2, by `rng.fork(id)`. */
export function cropFlip(plain: Float32Array, [height, width, channels]: Shape, ids: Int32Array, rng: Rng): Float32Array {
  const size = height * width * channels;
  const out = new Float32Array(plain.length);
  ids.forEach((id, row) => {
    const own = rng.fork(id);
    const down = own.int(2 * PAD + 1) - PAD;
    const right = own.int(2 * PAD + 1) - PAD;
    const flip = own.next() < 0.5;
    const source = plain.subarray(row * size, (row + 1) * size);
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++)
      for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) {
        const from = ((y + down) * width + x + right) * channels;
        const to = row * size + (y * width + (flip ? width - 1 - x : x)) * channels;
        for (let c = 0; c < channels; c++) out[to + c] = source[from + c] as number;
      }
  });
  return out;
}

/** The images `plain` as a recipe wants them: moved and flipped, flipped with probability 1/2 alone, or as they are. */
export function augmented(kind: Recipe['augment'], plain: Float32Array, shape: Shape, ids: Int32Array, rng: Rng): Float32Array {
  if (kind === 'none') return plain;
  return kind === 'flip' ? flip(plain, shape, ids, rng) : cropFlip(plain, shape, ids, rng);
}

function flip(plain: Float32Array, [height, width, channels]: Shape, ids: Int32Array, rng: Rng): Float32Array {
  const out = plain.slice();
  const size = height * width * channels;
  ids.forEach((id, image) => {
    if (rng.fork(id).next() >= 0.5) return;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const row = image * size + y * width * channels;
        out.set(plain.subarray(row + x * channels, row + (x + 1) * channels), row + (width - 1 - x) * channels);
      }
  });
  return out;
}

/** Labels of `ids`. */
export function labelsOf(split: Split, ids: Int32Array): Int32Array {
  return Int32Array.from(ids, (id) => split.labels[id] as number);
}
