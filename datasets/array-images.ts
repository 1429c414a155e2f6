/** Images and labels in arrays of NumPy: where the channels are, the split that reads them by piece, and what is refused. */
import { RampartError } from '../errors.ts';
import type { NpyArray, NpyValues } from '../models/import/npy.ts';
import type { Shape } from '../tensor/tf.ts';
import type { Pixels, Split } from './dataset.ts';
import { MOST_CLASSES } from './params.ts';

const failing =
  ({ name }: NpyArray) =>
  (what: string, remedy?: string) =>
    new RampartError(`[data] ${name}: ${what}`, { remedy });

const SCALE = {
  bytes: 'save them as numpy.uint8, or divide by 255',
  signed: 'if they are in [-1,1], save (x + 1) / 2',
  other: 'attacks are bounded in pixels from 0 to 1: undo the normalisation (x * std + mean) and give mean and std to the model',
};

/** How floats that are no pixels came about, by one of them. */
const remedyFor = (value: number) =>
  value > 1.5 && Number.isInteger(value) ? SCALE.bytes : value >= -1 && value < 0 ? SCALE.signed : SCALE.other;

/** Where the values of an array of images are. */
export interface Geometry {
  readonly n: number;
  readonly shape: Shape;
  readonly layout: 'nhwc' | 'nchw';
}

/** `[n,h,w,c]`, `[n,c,h,w]` or, of one channel, `[n,h,w]`. */
export function geometryOf(array: NpyArray, told?: Geometry['layout']): Geometry {
  const { shape } = array;
  const fail = failing(array);
  const shown = `(${shape.join(', ')})`;
  if (shape.some((side) => side === 0)) throw fail(`its shape ${shown} holds nothing`);
  const [n = 0, a = 0, b = 0, c = 0] = shape;
  if (shape.length === 3) return { n, shape: [a, b, 1], layout: 'nhwc' };
  if (shape.length !== 4) throw fail(`expected images of shape (n, height, width, channels) or (n, channels, height, width), got ${shown}`);
  const channels = (side: number) => side === 1 || side === 3;
  const layout = told ?? (channels(a) === channels(c) ? undefined : channels(c) ? 'nhwc' : 'nchw');
  if (!layout) throw fail(`the shape ${shown} does not tell where the channels are`, 'say so: layout: nhwc or nchw');
  return { n, shape: layout === 'nhwc' ? [a, b, c] : [b, c, a], layout };
}

/** Runs of neighbours among `places`, each read at once. */
function* runsOf(places: ArrayLike<number>): Generator<{ at: number; from: number; count: number }> {
  for (let at = 0; at < places.length; ) {
    const from = places[at] as number;
    let count = 1;
    while (at + count < places.length && places[at + count] === from + count) count++;
    yield { at, from, count };
    at += count;
  }
}

/** Planes of channels as pixels, in place of `count` images. */
function interleaved<T extends Uint8Array | Float32Array>(planes: NpyValues, out: T, count: number, [h, w, c]: Shape): void {
  const plane = h * w;
  for (let image = 0; image < count; image++)
    for (let channel = 0; channel < c; channel++) {
      const from = (image * c + channel) * plane;
      const to = image * c * plane + channel;
      for (let i = 0; i < plane; i++) out[to + i * c] = planes[from + i] as number;
    }
}

function checkUnit(pixels: Float32Array, { name }: NpyArray, from: number, size: number): void {
  // negated, so that NaN fails too
  const wrong = pixels.findIndex((v) => !(v >= 0 && v <= 1));
  if (wrong < 0) return;
  const value = pixels[wrong] as number;
  throw new RampartError(`[data] ${name}: image ${from + Math.floor(wrong / size)}: expected pixels from 0 to 1, got ${value}`, {
    remedy: Number.isNaN(value) ? 'NaN is no pixel' : remedyFor(value),
  });
}

/** Reads images of uint8, float32 or float64; floats beyond [0,1] are refused with what to do. */
export function reader(array: NpyArray, { shape, layout }: Geometry): Split['read'] {
  const size = shape[0] * shape[1] * shape[2];
  const bytes = array.type === '|u1';
  if (!bytes && array.type !== '<f4' && array.type !== '<f8')
    throw new RampartError(`[data] ${array.name}: expected images of uint8, float32 or float64, got ${array.type}`, {
      remedy: 'save x.astype(numpy.uint8) where pixels are 0..255',
    });
  return async (places) => {
    const out: Pixels = bytes ? new Uint8Array(places.length * size) : new Float32Array(places.length * size);
    for (const { at, from, count } of runsOf(places)) {
      const values = array.read(from * size, count * size);
      const into = out.subarray(at * size, (at + count) * size);
      if (layout === 'nchw') interleaved(values, into, count, shape);
      else into.set(values as Exclude<NpyValues, BigInt64Array | BigUint64Array>);
      if (into instanceof Float32Array) checkUnit(into, array, from, size);
    }
    return out;
  };
}

/** `n` labels. */
export function labelsOf(array: NpyArray, n: number): Int32Array {
  const fail = failing(array);
  const [count, wide = 1, ...more] = array.shape;
  if (array.shape.length === 2 && wide > 1 && more.length === 0)
    throw fail(`expected one label per image, got the shape (${array.shape.join(', ')})`, 'if they are one-hot, save y.argmax(1)');
  if (array.shape.length === 0 || wide !== 1 || more.length > 0) throw fail(`expected the shape (${n}), got (${array.shape.join(', ')})`);
  if (count !== n) throw fail(`${count} labels for ${n} images`);
  const values = array.read(0, n);
  const labels = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const label = Number(values[i]);
    if (!(Number.isInteger(label) && label >= 0 && label < MOST_CLASSES))
      throw fail(`label ${i}: expected a whole number from 0 to ${MOST_CLASSES - 1}, got ${label}`);
    labels[i] = label;
  }
  return labels;
}
