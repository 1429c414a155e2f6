/** Numbers of images as a short text: whole multiples of a decimal unit in as few bytes as hold the largest, deflated, in base64. What goes in comes out, to the bit. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { UnfitFile } from '../plain-file.ts';

/** Bytes per number; eight are a double, for what is no multiple of the unit. */
const WIDTHS = [1, 2, 4, 8] as const;

/** `digits` are the decimal ones: distances of six are millionths. */
export function packNumbers(values: readonly number[], digits: number): string {
  const unit = 10 ** digits;
  const counts = values.map((value) => Math.round(value * unit));
  const whole = counts.every((count, i) => count >= 0 && count < 2 ** 32 && Object.is(count / unit, values[i]));
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const width = !whole ? 8 : most < 2 ** 8 ? 1 : most < 2 ** 16 ? 2 : 4;
  const bytes = Buffer.alloc(values.length * width);
  if (whole) for (const [i, count] of counts.entries()) bytes.writeUIntLE(count, i * width, width);
  else for (const [i, value] of values.entries()) bytes.writeDoubleLE(value, i * width);
  return deflated(bytes);
}

/** The `n` numbers of a text. Throws `UnfitFile` where it holds others, without making room for more than these. */
export function unpackNumbers(text: string, n: number, digits: number): number[] {
  const bytes = inflated(text, n * 8);
  const width = WIDTHS.find((w) => w * n === bytes.length);
  if (width === undefined) throw new UnfitFile(`expected ${n} numbers, got ${bytes.length} bytes`);
  const unit = 10 ** digits;
  return Array.from({ length: n }, (_, i) => (width === 8 ? bytes.readDoubleLE(i * 8) : bytes.readUIntLE(i * width, width) / unit));
}

/** A text of `0` and `1` as bits, the first the lowest of its byte; undefined for any other. */
export function packBits(text: string): string | undefined {
  if (/[^01]/.test(text)) return undefined;
  const bytes = Buffer.alloc(Math.ceil(text.length / 8));
  for (let i = 0; i < text.length; i++) if (text[i] === '1') bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
  return deflated(bytes);
}

/** `n` characters of `0` and `1`. Throws `UnfitFile`, as of a bit that is set beyond them. */
export function unpackBits(text: string, n: number): string {
  const bytes = inflated(text, Math.ceil(n / 8));
  const bits = Array.from({ length: bytes.length * 8 }, (_, i) => ((bytes[i >> 3] as number) >> (i & 7)) & 1);
  if (bytes.length !== Math.ceil(n / 8) || bits.slice(n).includes(1)) throw new UnfitFile(`expected ${n} bits, got ${bytes.length} bytes`);
  return bits.slice(0, n).join('');
}

const deflated = (bytes: Buffer) => deflateRawSync(bytes, { level: 9 }).toString('base64');

function inflated(text: string, most: number): Buffer {
  try {
    return inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: Math.max(1, most) });
  } catch {
    throw new UnfitFile(`expected deflated bytes in base64, at most ${most}`);
  }
}
