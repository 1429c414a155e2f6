/** Image files as red, green and blue bytes, as PIL's `convert('RGB')` gives them; decoded by sharp, which is loaded when the first is read. */
import { RampartError } from '../../errors.ts';
import { fileSource } from '../../models/import/bytes.ts';
import type { Image } from './image.ts';

/** Longest file. */
const MOST_BYTES = 256 * 2 ** 20;
/** Most pixels of an image that is decoded: where PIL warns of a decompression bomb. */
const MOST_PIXELS = 89_478_485;

/** What is used of sharp: its own types are not there where it is not installed. */
interface Decoder {
  metadata(): Promise<{ space?: string; depth?: string }>;
  raw(): {
    toBuffer(options: {
      resolveWithObject: true;
    }): Promise<{ data: Uint8Array; info: { width: number; height: number; channels: number } }>;
  };
}
interface SharpModule {
  (bytes: Uint8Array, options: Readonly<Record<string, unknown>>): Decoder;
  cache(on: boolean): void;
}

/** Not a literal in `import()`, so that nothing fails where the package is missing. */
const PACKAGE: string = 'sharp';
const LACKING = 'image files are decoded by the package sharp, which cannot be loaded here';
const REMEDY = 'npm install sharp';

let loading: Promise<SharpModule> | undefined;

/** Loaded once. Throws with the command that installs it. */
async function loadSharp(): Promise<SharpModule> {
  loading ??= import(PACKAGE).then(({ default: sharp }: { default: SharpModule }) => {
    // decoded images are used once
    sharp.cache(false);
    return sharp;
  });
  try {
    return await loading;
  } catch (cause) {
    throw new RampartError(`[data] ${LACKING}`, { remedy: REMEDY, cause });
  }
}

/** Whether image files can be decoded here, and how that is mended. */
export async function canDecode(): Promise<{ usable: boolean; detail: string; remedy?: string }> {
  try {
    await loadSharp();
    return { usable: true, detail: 'image files are decoded by sharp' };
  } catch {
    return { usable: false, detail: LACKING, remedy: REMEDY };
  }
}

const startsWith = (bytes: Uint8Array, text: string, at = 0) =>
  Buffer.from(bytes.subarray(at, at + text.length)).equals(Buffer.from(text, 'latin1'));

/** By its first bytes; the name of a file says nothing. */
function kindOf(bytes: Uint8Array): 'jpeg' | 'png' | 'webp' | undefined {
  if (startsWith(bytes, '\xff\xd8\xff')) return 'jpeg';
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return 'png';
  return startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8) ? 'webp' : undefined;
}

/** Gray as three equal channels; what is transparent keeps its colour. */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const n = data.length / channels;
  const out = new Uint8Array(3 * n);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  for (let i = 0; i < n; i++) {
    out[3 * i] = data[i * channels] as number;
    out[3 * i + 1] = data[i * channels + green] as number;
    out[3 * i + 2] = data[i * channels + blue] as number;
  }
  return out;
}

/**
 * The image in a JPEG, PNG or WebP file. Orientation in EXIF and colour profiles are not applied, as they are not by PIL.
 * Throws a RampartError that names the file where it is another kind, damaged, of 16 bits, CMYK, or of too many pixels.
 */
export async function decodeImage(path: string): Promise<Image> {
  const fail = (what: string, remedy?: string, cause?: unknown) => new RampartError(`[data] ${path}: ${what}`, { remedy, cause });
  const source = fileSource(path);
  if (source.size > MOST_BYTES) throw fail(`expected at most ${MOST_BYTES} bytes, got ${source.size}`);
  const bytes = source.read(0, source.size);
  if (!kindOf(bytes)) throw fail('expected a JPEG, PNG or WebP image', 'convert it, or move it out of the folder');
  const sharp = await loadSharp();
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: MOST_PIXELS, ignoreIcc: true, sequentialRead: true });
  try {
    const { space, depth } = await image.metadata();
    if (space === 'cmyk') throw fail('it is CMYK', 'convert it to RGB');
    if (depth !== 'uchar') throw fail('it has 16 bits per channel', 'convert it to 8 bits');
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: toRgb(data, info.channels) };
  } catch (cause) {
    if (cause instanceof RampartError) throw cause;
    throw fail(`cannot be decoded: ${(cause as Error).message.split('\n')[0]}`, undefined, cause);
  }
}
