/** The weather: snow, fog, glaring light. Frost is in frost.ts. */
import { bytes, defineCorruption, SIDE, unit } from './corruption.ts';
import { hsvToRgb, rgbToHsv } from './parts/hsv.ts';
import { motionBlur } from './parts/motion.ts';
import { plasma } from './parts/plasma.ts';
import { zoomed } from './parts/zoom.ts';

export const snow = defineCorruption(
  { name: 'snow', title: 'Snow', group: 'weather' },
  [
    { mean: 0.1, spread: 0.2, zoom: 1, least: 0.6, radius: 8, sigma: 3, kept: 0.95 },
    { mean: 0.1, spread: 0.2, zoom: 1, least: 0.5, radius: 10, sigma: 4, kept: 0.9 },
    { mean: 0.15, spread: 0.3, zoom: 1.75, least: 0.55, radius: 10, sigma: 4, kept: 0.9 },
    { mean: 0.25, spread: 0.3, zoom: 2.25, least: 0.6, radius: 12, sigma: 6, kept: 0.85 },
    { mean: 0.3, spread: 0.3, zoom: 1.25, least: 0.65, radius: 14, sigma: 12, kept: 0.8 },
  ],
  (image, { mean, spread, zoom, least, radius, sigma, kept }, rng) => {
    const drawn = Float64Array.from({ length: SIDE * SIDE }, () => mean + spread * rng.gauss());
    const flakes = bytes(zoomed(drawn, SIDE, zoom, Float64Array).map((value) => (value < least ? 0 : value)));
    const fallen = unit(motionBlur(flakes, SIDE, { radius, sigma, angle: -135 + 90 * rng.next() }));
    const x = Float32Array.from(unit(image));
    const paler = whitened(x, kept);
    return bytes(Float64Array.from(paler, (value, i) => value + both(fallen, Math.floor(i / 3))));
  },
);

/** What falls one way, and the same turned by half a turn. */
const both = (fallen: Float64Array, i: number) => (fallen[i] as number) + (fallen[fallen.length - 1 - i] as number);

/** `kept` of every value, and the rest of it or of the pixel's brightness, raised, whichever is more. */
function whitened(x: Float32Array, kept: number): Float32Array {
  const [own, other] = [Math.fround(kept), Math.fround(1 - kept)];
  return x.map((value, i) => {
    const [r, g, b] = x.subarray(i - (i % 3), i - (i % 3) + 3) as unknown as [number, number, number];
    const grey = Math.fround(Math.fround(0.299) * r + Math.fround(0.587) * g + Math.fround(0.114) * b);
    const bright = Math.fround(Math.fround(grey * 1.5) + 0.5);
    return Math.fround(own * value) + Math.fround(other * Math.max(value, bright));
  });
}

/** `decay` is by how much smaller each finer pattern of the fog is. */
export const fog = defineCorruption(
  { name: 'fog', title: 'Fog', group: 'weather' },
  [
    { amount: 0.2, decay: 3 },
    { amount: 0.5, decay: 3 },
    { amount: 0.75, decay: 2.5 },
    { amount: 1, decay: 2 },
    { amount: 1.5, decay: 1.75 },
  ],
  (image, { amount, decay }, rng) => {
    const x = unit(image);
    const brightest = Math.max(...x);
    const haze = plasma(SIDE, decay, rng);
    return bytes(x.map((value, i) => ((value + amount * (haze[Math.floor(i / 3)] as number)) * brightest) / (brightest + amount)));
  },
);

export const brightness = defineCorruption(
  { name: 'brightness', title: 'Brightness', group: 'weather' },
  [0.05, 0.1, 0.15, 0.2, 0.3],
  (image, more) =>
    bytes(
      pixelwise(unit(image), (rgb) => {
        const [h, s, v] = rgbToHsv(rgb);
        return hsvToRgb([h, s, Math.min(Math.max(v + more, 0), 1)]);
      }),
    ),
);

type Triple = readonly [number, number, number];

function pixelwise(values: Float64Array, change: (pixel: Triple) => Triple): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 3) out.set(change(values.subarray(i, i + 3) as unknown as Triple), i);
  return out;
}
