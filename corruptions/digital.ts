/** What cameras and software do: low contrast, stretched, coarse pixels, compressed. */
import { bytes, bytesOfFloats, CHANNELS, defineCorruption, SIDE, unit } from './corruption.ts';
import { boxed } from './parts/box.ts';
import { gaussian } from './parts/filter.ts';
import { jpeg } from './parts/jpeg/jpeg.ts';
import { affineOf, displaced, warped } from './parts/warp.ts';

export const contrast = defineCorruption(
  { name: 'contrast', title: 'Contrast', group: 'digital' },
  [0.75, 0.5, 0.4, 0.3, 0.15],
  (image, kept) => {
    const x = unit(image);
    const sums = [0, 0, 0];
    for (const [i, value] of x.entries()) sums[i % CHANNELS] = (sums[i % CHANNELS] as number) + value;
    const means = sums.map((sum) => sum / (SIDE * SIDE));
    return bytes(x.map((value, i) => (value - (means[i % CHANNELS] as number)) * kept + (means[i % CHANNELS] as number)));
  },
);

/** `stretch`, `sigma`: of the field of displacements; `corners`: by how far three points move before. In pixels. */
export const elasticTransform = defineCorruption(
  { name: 'elastic_transform', title: 'Elastic', group: 'digital' },
  [
    { stretch: 0, sigma: 0, corners: SIDE * 0.08 },
    { stretch: SIDE * 0.05, sigma: SIDE * 0.2, corners: SIDE * 0.07 },
    { stretch: SIDE * 0.08, sigma: SIDE * 0.06, corners: SIDE * 0.06 },
    { stretch: SIDE * 0.1, sigma: SIDE * 0.04, corners: SIDE * 0.05 },
    { stretch: SIDE * 0.1, sigma: SIDE * 0.03, corners: SIDE * 0.03 },
  ],
  (image, { stretch, sigma, corners }, rng) => {
    const between = (most: number) => -most + 2 * most * rng.next();
    const [middle, reach] = [SIDE / 2, Math.floor(SIDE / 3)];
    const from = [middle + reach, middle + reach, middle + reach, middle - reach, middle - reach, middle - reach];
    const to = from.map((at) => Math.fround(at + Math.fround(between(corners))));
    const sheared = warped(Float32Array.from(unit(image)), SIDE, affineOf(from, to));
    const field = () => {
      const drawn = Float64Array.from({ length: SIDE * SIDE }, () => between(1));
      const smooth = gaussian(drawn, SIDE, { sigma, border: 'reflect', truncate: 3 });
      return Float32Array.from(smooth, (value) => value * stretch);
    };
    const [dx, dy] = [field(), field()];
    return bytesOfFloats(displaced(sheared, SIDE, dx, dy));
  },
);

/** The part of the side that is left. */
export const pixelate = defineCorruption(
  { name: 'pixelate', title: 'Pixelate', group: 'digital' },
  [0.95, 0.9, 0.85, 0.75, 0.65],
  (image, part) => {
    const small = Math.floor(SIDE * part);
    return boxed(boxed(image, SIDE, small), small, SIDE);
  },
);

export const jpegCompression = defineCorruption(
  { name: 'jpeg_compression', title: 'JPEG', group: 'digital' },
  [80, 65, 58, 50, 40],
  (image, quality) => jpeg(image, SIDE, quality),
);
