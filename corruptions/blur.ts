/** The blurs: out of focus, through glass, by motion, by zooming. */
import { bytes, bytesOfFloats, CHANNELS, defineCorruption, SIDE, unit } from './corruption.ts';
import { gaussian } from './parts/filter.ts';
import { disk, filtered } from './parts/focus.ts';
import { motionBlur as moved } from './parts/motion.ts';
import { zoomed } from './parts/zoom.ts';

export const defocusBlur = defineCorruption(
  { name: 'defocus_blur', title: 'Defocus blur', group: 'blur' },
  [
    { radius: 0.3, alias: 0.4 },
    { radius: 0.4, alias: 0.5 },
    { radius: 0.5, alias: 0.6 },
    { radius: 1, alias: 0.2 },
    { radius: 1.5, alias: 0.1 },
  ],
  (image, { radius, alias }) => bytes(filtered(unit(image), SIDE, disk(radius, alias))),
);

export const glassBlur = defineCorruption(
  { name: 'glass_blur', title: 'Glass blur', group: 'blur' },
  [
    { sigma: 0.05, times: 1 },
    { sigma: 0.25, times: 1 },
    { sigma: 0.4, times: 1 },
    { sigma: 0.25, times: 2 },
    { sigma: 0.4, times: 2 },
  ],
  (image, { sigma, times }, rng) => {
    const blurred = Uint8Array.from(gaussian(unit(image), SIDE, { sigma }), (value) => value * 255);
    for (let time = 0; time < times; time++)
      for (let row = SIDE - 1; row > 1; row--)
        for (let column = SIDE - 1; column > 1; column--) {
          const [left, up] = [1 - rng.int(2), 1 - rng.int(2)];
          const [to, from] = [row * SIDE + column, (row - up) * SIDE + column - left];
          // the paper exchanges the two; the code that made CIFAR-10-C copies the one over the other
          blurred.copyWithin(to * CHANNELS, from * CHANNELS, (from + 1) * CHANNELS);
        }
    return bytes(gaussian(unit(blurred), SIDE, { sigma }));
  },
);

export const motionBlur = defineCorruption(
  { name: 'motion_blur', title: 'Motion blur', group: 'blur' },
  [
    { radius: 6, sigma: 1 },
    { radius: 6, sigma: 1.5 },
    { radius: 6, sigma: 2 },
    { radius: 8, sigma: 2 },
    { radius: 9, sigma: 2.5 },
  ],
  (image, { radius, sigma }, rng) => moved(image, SIDE, { radius, sigma, angle: -45 + 90 * rng.next() }),
);

/** `last` is where the factors end, which are a hundredth apart. */
export const zoomBlur = defineCorruption(
  { name: 'zoom_blur', title: 'Zoom blur', group: 'blur' },
  [1.06, 1.11, 1.16, 1.21, 1.26],
  (image, last) => {
    const x = Float32Array.from(unit(image));
    const factors = hundredths(last);
    const sum = new Float32Array(x.length);
    for (const factor of factors)
      for (const [i, value] of zoomed(x, SIDE, factor, Float32Array).entries()) sum[i] = (sum[i] as number) + value;
    return bytesOfFloats(x.map((value, i) => Math.fround(value + (sum[i] as number)) / (factors.length + 1)));
  },
);

/** 1, 1.01, ... below `last`, as doubles make them: 1.06 itself is among those below it. */
function hundredths(last: number): number[] {
  const step = 1 + 0.01 - 1;
  return Array.from({ length: Math.ceil((last - 1) / 0.01) }, (_, i) => 1 + i * step);
}
