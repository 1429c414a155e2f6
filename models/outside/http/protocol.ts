/** What goes to an endpoint and what comes back: images as float32 or PNG, scores or labels as JSON. */
import { PNG } from 'pngjs';
import { RampartError } from '../../../errors.ts';
import type { Shape } from '../../../tensor/tf.ts';
import type { HttpSource } from './source.ts';

/** Values between black and white of a PNG. */
const LEVELS = 255;

/** Images `[n,h,w,c]` in [0,1], row by row. */
export interface Images {
  readonly n: number;
  readonly shape: Shape;
  readonly values: Float32Array;
}

/**
 * `float32`: the numbers as they are, little-endian, with their shape in a header. `png`: `{ "images": [...] }` with a PNG in base64 each, of
 * 8 bits, gray or RGB.
 */
export function bodyOf(
  { n, shape, values }: Images,
  format: HttpSource['format'],
): { headers: Record<string, string>; body: Uint8Array | string } {
  if (format === 'float32')
    return {
      headers: { 'content-type': 'application/octet-stream', 'x-dtype': 'float32', 'x-shape': [n, ...shape].join(',') },
      body: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    };
  const d = values.length / n;
  const images = Array.from({ length: n }, (_, i) => pngOf(values.subarray(i * d, (i + 1) * d), shape).toString('base64'));
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ images }) };
}

function pngOf(values: Float32Array, [height, width, channels]: Shape): Buffer {
  const colorType = channels === 1 ? 0 : 2;
  const png = new PNG({ width, height, colorType, inputColorType: colorType, inputHasAlpha: false, bitDepth: 8 });
  png.data = Buffer.from(Uint8Array.from(values, (v) => Math.min(Math.max(Math.round(v * LEVELS), 0), LEVELS)));
  return PNG.sync.write(png, { colorType, inputColorType: colorType, inputHasAlpha: false, bitDepth: 8 });
}

/** How far the sum of probabilities may be from 1: services round them, to two digits at worst. */
const SUM = 0.02;

/** The logarithm of a probability that was rounded to 0. */
const LEAST = 1e-12;

/** A label as logits: with the rest of the field at 0, its softmax is 1 in float32. */
const CERTAIN = 100;

/** What an answer must have. */
export type Asked = Pick<HttpSource, 'access' | 'scores'> & { readonly n: number; readonly classes: number };

/** The logits `[n,classes]` of an answer's text, or what is wrong with it, in words without a place. */
export function logitsIn(text: string, { access, scores, n, classes }: Asked): Float32Array {
  const rows = (parsed(text) as Record<string, unknown> | null)?.[access];
  if (!Array.isArray(rows)) throw new RampartError(`expected JSON with a list "${access}", got ${excerpt(text)}`);
  if (rows.length !== n) throw new RampartError(`expected ${access} of ${n} images, got ${rows.length}`);
  const logits = new Float32Array(n * classes);
  rows.forEach((row: unknown, i) => {
    logits.set(access === 'labels' ? ofLabel(row, i, classes) : ofScores(row, i, classes, scores), i * classes);
  });
  return logits;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RampartError(`expected JSON, got ${excerpt(text)}`);
  }
}

const excerpt = (text: string) => (text.length > 120 ? `${text.slice(0, 120)}...` : text === '' ? 'nothing' : text);

function ofLabel(label: unknown, i: number, classes: number): Float32Array {
  if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= classes)
    throw new RampartError(`expected a label from 0 to ${classes - 1} for image ${i}, got ${JSON.stringify(label)}`);
  const logits = new Float32Array(classes);
  logits[label as number] = CERTAIN;
  return logits;
}

function ofScores(row: unknown, i: number, classes: number, kind: HttpSource['scores']): Float32Array {
  if (!Array.isArray(row) || row.length !== classes)
    throw new RampartError(`expected ${classes} scores for image ${i}, got ${Array.isArray(row) ? row.length : JSON.stringify(row)}`);
  const broken = row.findIndex((v) => typeof v !== 'number' || !Number.isFinite(Math.fround(v)));
  if (broken >= 0) throw new RampartError(`expected finite scores for image ${i}, got ${JSON.stringify(row[broken])} for class ${broken}`);
  const values = Float32Array.from(row as number[]);
  if (kind === 'logits') return values;
  const sum = values.reduce((total, v) => total + v, 0);
  if (values.some((v) => v < 0 || v > 1 + SUM) || Math.abs(sum - 1) > SUM)
    throw new RampartError(`expected probabilities that sum to 1 for image ${i}, got a sum of ${sum.toPrecision(4)}`, {
      remedy: 'where the endpoint answers with logits, say so: scores: logits (--scores logits)',
    });
  return values.map((v) => Math.log(Math.max(v, LEAST)));
}
