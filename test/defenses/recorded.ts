/** Random numbers that a golden vector was made with, handed out in the order in which a method asks for them. */
import { Rng } from '../../tensor/rng.ts';
import { goldenEntries } from '../golden.ts';

/** Numbers in [0,1) by call. Whoever asks for another count than was recorded, or once too often, is told. */
export class Recorded extends Rng {
  readonly #queue: Float32Array[];

  constructor(queue: readonly Float32Array[]) {
    super('recorded');
    this.#queue = [...queue];
  }

  /** Of all recorded calls, those that nobody asked for. */
  get left(): number {
    return this.#queue.length;
  }

  override uniform(n: number, low = 0, high = 1): Float32Array {
    const numbers = this.#queue.shift();
    if (numbers?.length !== n) throw new Error(`expected ${n} numbers, ${numbers?.length ?? 'none'} were recorded`);
    return numbers.map((u) => low + (high - low) * u);
  }

  override next(): number {
    return this.uniform(1)[0] as number;
  }

  override fork(): this {
    return this;
  }
}

/**
 * Numbers in [0,1) for 64 images, NHWC: those of `noise-uniform`, shifted by `shift` images. It is how the script that made the vectors
 * got several draws out of one.
 */
export function recordedImages(shift: number): Float32Array {
  const noise = [...goldenEntries('noise-uniform').values()][0];
  if (!noise) throw new Error('no noise');
  const [n, c, h, w] = noise.shape as [number, number, number, number];
  const out = new Float32Array(noise.data.length);
  for (let image = 0; image < n; image++) {
    const from = ((image - shift + n) % n) * c * h * w;
    for (let at = 0; at < c * h * w; at++) {
      const [channel, point] = [Math.floor(at / (h * w)), at % (h * w)];
      out[image * c * h * w + point * c + channel] = ((noise.data[from + at] as number) + 1) / 2;
    }
  }
  return out;
}
