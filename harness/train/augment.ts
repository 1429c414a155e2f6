/** Training batches on the host: pixels of images, each cropped and flipped by random numbers of its own. */
import type { Split } from '../../datasets/dataset.ts';
import type { Rng } from '../../tensor/rng.ts';
import type { Shape } from '../../tensor/tf.ts';

const PAD = 4;
const PIXEL = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Images `ids` of `split` as floats in [0,1], `ids.length * h * w * c` in NHWC order. */
export function plainImages(split: Split, shape: Shape, ids: Int32Array): Float32Array {
  const size = shape[0] * shape[1] * shape[2];
  const out = new Float32Array(ids.length * size);
  ids.forEach((id, row) => {
    for (let i = 0; i < size; i++) out[row * size + i] = PIXEL[split.images[id * size + i] as number] as number;
  });
  return out;
}

/** The same after a random crop from the image padded with 4 black pixels on each side, and a horizontal flip with probability 1/2, by `rng.fork(id)`. */
export function cropFlipImages(split: Split, shape: Shape, ids: Int32Array, rng: Rng): Float32Array {
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const out = new Float32Array(ids.length * size);
  ids.forEach((id, row) => {
    const own = rng.fork(id);
    const down = own.int(2 * PAD + 1) - PAD;
    const right = own.int(2 * PAD + 1) - PAD;
    const flip = own.next() < 0.5;
    const source = split.images.subarray(id * size, (id + 1) * size);
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++)
      for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) {
        const from = ((y + down) * width + x + right) * channels;
        const to = row * size + (y * width + (flip ? width - 1 - x : x)) * channels;
        for (let c = 0; c < channels; c++) out[to + c] = PIXEL[source[from + c] as number] as number;
      }
  });
  return out;
}

/** Labels of `ids`. */
export function labelsOf(split: Split, ids: Int32Array): Int32Array {
  return Int32Array.from(ids, (id) => split.labels[id] as number);
}
