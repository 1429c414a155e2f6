/** Reads evidence, in a browser as in Node: what does not have the hash that it is told by is refused. */
import { RampartError } from '../../errors.ts';
import { readSafetensors } from '../../models/safetensors.ts';
import { sha256 } from '../hash.ts';
import { type Evidence, evidenceSchema, type Held } from './format.ts';

/** The bytes of base64. Throws where it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new RampartError('[evidence] a piece is not base64');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The pieces of `held` put together. `what` names it. Throws where they are not those bytes. */
export function whole(held: Held, pieces: readonly Uint8Array[], what: string): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  const found = sha256(bytes);
  if (bytes.length !== held.bytes || found !== held.sha256)
    throw new RampartError(`[evidence] ${what}: expected ${held.bytes} bytes of SHA-256 ${held.sha256}, got ${bytes.length} of ${found}`);
  return bytes;
}

/** The index from its bytes. Throws where it is none, or none of this version. */
export function parseEvidence(bytes: Uint8Array): Evidence {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new RampartError('[evidence] the index is not JSON');
  }
  const parsed = evidenceSchema.safeParse(json);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success) throw new RampartError(`[evidence] the index does not fit: ${issue?.path.join('.')}: ${issue?.message}`);
  for (const { indices, labels } of parsed.data.originals)
    if (indices.length !== labels.length) throw new RampartError('[evidence] the index does not fit: originals and their labels');
  for (const { key, indices, labels, predictions, distances, adversarial } of parsed.data.cells) {
    const k = adversarial.reduce((n, { count }) => n + count, 0);
    if ([indices, labels, predictions, distances].some((list) => list.length !== k))
      throw new RampartError(`[evidence] the index does not fit: cell ${key} has ${k} images, and not as many outcomes`);
  }
  return parsed.data;
}

/** Images `[k,h,w,c]` in [0,1]. */
export interface ReadImages {
  readonly shape: readonly [k: number, h: number, w: number, c: number];
  readonly pixels: Float32Array;
}

/** The images of a file. Throws where it is no file of `count` images of the shape `[h,w,c]` with finite values; that they lie in [0,1] is checked with the budget. */
export function parseImages(bytes: Uint8Array, count: number, [h, w, c]: readonly [number, number, number], what: string): ReadImages {
  const { entries, metadata } = readSafetensors(bytes, what);
  const images = entries.get('images');
  const expected = [count, h, w, c] as const;
  if (!images || images.shape.join() !== expected.join())
    throw new RampartError(`[evidence] ${what}: expected images [${expected.join(', ')}], got [${images?.shape.join(', ') ?? 'none'}]`);
  const levels = metadata.levels === undefined ? 1 : Number(metadata.levels);
  const pixels = levels === 1 ? images.data : images.data.map((v) => v / levels);
  if (!pixels.every(Number.isFinite)) throw new RampartError(`[evidence] ${what}: a pixel is no number`);
  return { shape: expected, pixels };
}
