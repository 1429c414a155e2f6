/** Frost: photographs of frozen panes laid over the image. They are their authors', and whoever uses them brings them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { RampartError } from '../errors.ts';
import type { Rng } from '../tensor/rng.ts';
import { type Corruption, defineCorruption, SIDE } from './corruption.ts';

/** A fifth of a photograph as it was taken, `[height,width,3]` bytes. */
interface Photograph {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** The authors have six, and take five of them. */
const FILES = [1, 2, 3, 4, 5].map((i) => `frost${i}.png`);
/** A photograph is shrunk by this: of each block the pixel in its middle is left, as OpenCV's resize by a fifth has it. */
const BLOCK = 5;

/**
 * The photographs `frost1.png` to `frost5.png` of a folder, shrunk, as bytes that `frost` takes: for each height and width as two bytes each, then
 * its pixels. Throws where one is missing, no PNG of 8 bits, or too small.
 */
export function readPhotographs(folder: string): Uint8Array {
  return Buffer.concat(FILES.map((file) => encoded(shrunk(file, folder))));
}

function shrunk(file: string, folder: string): Photograph {
  const fail = (why: string) =>
    new RampartError(`[corruption frost] ${join(folder, file)}: ${why}`, {
      remedy: 'put the photographs of hendrycks/robustness there, each as PNG',
    });
  let image: { width: number; height: number; data: Uint8Array };
  try {
    image = PNG.sync.read(readFileSync(join(folder, file)));
  } catch (error) {
    throw fail((error as Error).message);
  }
  const [height, width] = [Math.round(image.height / BLOCK), Math.round(image.width / BLOCK)];
  if (Math.min(height, width) <= SIDE || Math.max(height, width) > 0xffff)
    throw fail(`expected over ${BLOCK * SIDE} pixels a side, got ${image.width} x ${image.height}`);
  const middle = (i: number, n: number) => Math.min(BLOCK * i + 2, n - 1);
  const pixels = new Uint8Array(3 * height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = 4 * (middle(y, image.height) * image.width + middle(x, image.width));
      pixels.set(image.data.subarray(from, from + 3), 3 * (y * width + x));
    }
  return { height, width, pixels };
}

function encoded({ height, width, pixels }: Photograph): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(height, 0);
  head.writeUInt16LE(width, 2);
  return Buffer.concat([head, pixels]);
}

function decoded(bytes: Uint8Array): Photograph[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Photograph[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [height, width] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    found.push({ height, width, pixels: bytes.subarray(at + 4, at + 4 + 3 * height * width) });
    at += 4 + 3 * height * width;
  }
  return found;
}

/** Raised as those of the table of corruptions are. */
export const FROST = { name: 'frost', title: 'Frost', version: 1 } as const;

/** The corruption with what `readPhotographs` gave. */
export function frost(photographs: Uint8Array): Corruption {
  const all = decoded(photographs);
  return defineCorruption(
    { name: FROST.name, title: FROST.title, group: 'weather' },
    [
      { image: 1, ice: 0.2 },
      { image: 1, ice: 0.3 },
      { image: 0.9, ice: 0.4 },
      { image: 0.85, ice: 0.4 },
      { image: 0.75, ice: 0.45 },
    ],
    (image, kept, rng) => {
      const ice = cropped(all[rng.int(all.length)] as Photograph, rng);
      return image.map((value, i) => Math.min(Math.max(kept.image * value + kept.ice * (ice[i] as number), 0), 255));
    },
  );
}

/** A square of the size of an image, anywhere but at the last place. */
function cropped({ height, width, pixels }: Photograph, rng: Rng): Uint8Array {
  const [top, left] = [rng.int(height - SIDE), rng.int(width - SIDE)];
  const rows = Array.from({ length: SIDE }, (_, row) =>
    pixels.subarray(3 * ((top + row) * width + left), 3 * ((top + row) * width + left + SIDE)),
  );
  return Buffer.concat(rows);
}
