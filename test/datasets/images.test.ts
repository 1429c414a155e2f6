/** Image files against PIL and torchvision: `test/golden/images` holds both, with the script that made them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { decodeImage } from '../../datasets/images/decode.ts';
import { spread } from '../../datasets/images/list.ts';
import { preparationParams, prepare } from '../../datasets/images/prepare.ts';
import { resize } from '../../datasets/images/resample.ts';
import { RampartError } from '../../errors.ts';
import { temporaryFolder, writeFiles } from './files.ts';

const golden = fileURLToPath(new URL('../golden/images/', import.meta.url));
const { 'width, height, SHA-256 of the pixels': expected } = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8')) as {
  'width, height, SHA-256 of the pixels': Record<string, Record<string, [number, number, string]>>;
};
const preparation = z.object(preparationParams);

test.each(Object.entries(expected))('%s has the pixels of PIL, and of torchvision after resizing and cropping', async (name, all) => {
  const image = await decodeImage(join(golden, name));
  const got = Object.keys(all).map((how) => {
    const { width, height, pixels } = prepare(image, preparation.parse(JSON.parse(how)), name);
    return [how, [width, height, createHash('sha256').update(pixels).digest('hex')]];
  });
  expect(Object.fromEntries(got)).toEqual(all);
});

test('halving with the triangle filter weighs four pixels as 1, 3, 3, 1 of 8, and at a border three as 3, 3, 1 of 7', () => {
  const row = (...values: number[]) => ({ width: values.length, height: 1, pixels: Uint8Array.from(values.flatMap((v) => [v, 0, 255])) });
  const { width, pixels } = resize(row(70, 0, 0, 160, 0, 0), 3, 1, 'bilinear');
  expect(width).toBe(3);
  expect([pixels[0], pixels[3], pixels[6]]).toEqual([30, 60, 23]);
  expect([pixels[1], pixels[2]]).toEqual([0, 255]);
});

test.each([
  ['cmyk.jpg', 'it is CMYK; convert it to RGB'],
  ['16-bits.png', 'it has 16 bits per channel; convert it to 8 bits'],
  ['make.py', 'expected a JPEG, PNG or WebP image'],
])('%s is refused by its name', async (name, message) => {
  await expect(decodeImage(join(golden, name))).rejects.toThrow(`${join(golden, name)}: ${message}`);
});

/** A PNG whose header says how large it is, and little else. */
function bomb(width: number, height: number): Uint8Array {
  const bytes = Buffer.from(readFileSync(join(golden, 'rgb.png')));
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

test('an image of more pixels than PIL takes without a warning is refused before it is decoded, SVG is never read', async () => {
  const folder = temporaryFolder();
  writeFiles(folder, {
    'bomb.png': bomb(60_000, 60_000),
    'a.png': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
  });
  await expect(decodeImage(join(folder, 'bomb.png'))).rejects.toThrow(`${join(folder, 'bomb.png')}: cannot be decoded: Input`);
  await expect(decodeImage(join(folder, 'a.png'))).rejects.toThrow('expected a JPEG, PNG or WebP image');
});

const edit = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }), cut: fc.boolean() });

test.each(['420.jpg', 'progressive.jpg', 'palette.png', 'rgb.png', 'lossy.webp'])(
  '%s with bytes changed is decoded to its own size or refused by its name',
  { timeout: 60_000 },
  async (name) => {
    const folder = temporaryFolder();
    const whole = readFileSync(join(golden, name));
    const path = join(folder, name);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const bytes = edits.reduce<Buffer>((now, { at, bytes: put, cut }) => {
          const place = at % (now.length + 1);
          return cut ? now.subarray(0, place) : Buffer.concat([now.subarray(0, place), put, now.subarray(place + put.length)]);
        }, whole);
        writeFiles(folder, { [name]: bytes });
        const result: unknown = await decodeImage(path).catch((error: unknown) => error);
        if (result instanceof Error) {
          refused++;
          expect(result).toBeInstanceOf(RampartError);
          expect(result.message).toContain(path);
        } else {
          const { width, height, pixels } = result as Awaited<ReturnType<typeof decodeImage>>;
          expect(pixels.length).toBe(width * height * 3);
        }
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(refused).toBeGreaterThan(5);
  },
);

test('a list by class is spread so that either end has all classes, each in its order and by its share', () => {
  const paths = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1', 'c2'];
  const found = spread({ paths, labels: Int32Array.of(0, 0, 0, 0, 1, 1, 2, 2) });
  // by hand: a at 1/8, 3/8, 5/8, 7/8 of the way, b and c at 1/4 and 3/4
  expect(found).toEqual({ paths: ['a1', 'b1', 'c1', 'a2', 'a3', 'b2', 'c2', 'a4'], labels: Int32Array.of(0, 1, 2, 0, 0, 1, 2, 0) });
  expect(spread({ paths: [], labels: new Int32Array(0) })).toEqual({ paths: [], labels: new Int32Array(0) });
});
