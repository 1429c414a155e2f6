/** What all corruptions keep to, and the parts that have a closed form. */
import { expect, test } from 'vitest';
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { corruption, corruptions } from '../../corruptions/index.ts';
import { gaussian, gaussianWeights, place } from '../../corruptions/parts/filter.ts';
import { mirrored } from '../../corruptions/parts/focus.ts';
import { hsvToRgb, rgbToHsv } from '../../corruptions/parts/hsv.ts';
import { forward, inverse } from '../../corruptions/parts/jpeg/dct.ts';
import { poisson } from '../../corruptions/parts/poisson.ts';
import { affineOf, warped } from '../../corruptions/parts/warp.ts';
import { Rng } from '../../tensor/rng.ts';
import { images } from './images.ts';

const [image] = images(1) as [Uint8Array];

test.each(corruptions.map(({ name }) => name))('%s leaves its input alone and depends on the key of its draws alone', (name) => {
  const before = image.slice();
  const made = () => corruption(name).apply(image, 3, new Rng('a'));
  const first = made();
  expect(image).toEqual(before);
  expect(made()).toEqual(first);
  expect(first).toHaveLength(3072);
  expect(first).not.toEqual(image);
});

test('an unknown corruption names the nearest', () => {
  expect(() => corruption('fgo')).toThrow('did you mean "fog"?');
});

test('brightness moves grey by its parameter', () => {
  const grey = new Uint8Array(3072).fill(51);
  const parameters = [0.05, 0.1, 0.15, 0.2, 0.3];
  for (const severity of SEVERITIES) {
    const expected = Math.floor((0.2 + (parameters[severity - 1] as number)) * 255 + 1e-9);
    expect(Math.abs((corruption('brightness').apply(grey, severity, new Rng('a'))[0] as number) - expected)).toBeLessThanOrEqual(1);
  }
});

test('contrast keeps the mean of each channel and a part of what differs from it', () => {
  const half = Uint8Array.from({ length: 3072 }, (_, i) => (i < 1536 ? 100 : 200));
  const changed = corruption('contrast').apply(half, 2, new Rng('a'));
  expect([changed[0], changed[3071]]).toEqual([125, 175]);
});

test.each([0, 3, 250, 700])('Poisson draws of mean %i have that mean and variance', (mean) => {
  const rng = new Rng('poisson');
  const n = 4000;
  const draws = Array.from({ length: n }, () => poisson(mean, rng));
  const average = draws.reduce((a, b) => a + b, 0) / n;
  const variance = draws.reduce((sum, d) => sum + (d - average) ** 2, 0) / n;
  // five standard errors
  expect(Math.abs(average - mean)).toBeLessThanOrEqual(5 * Math.sqrt(mean / n));
  expect(Math.abs(variance - mean)).toBeLessThanOrEqual(5 * mean * Math.sqrt(2 / n) + 5 * Math.sqrt(mean / n));
});

test('the Gaussian filter keeps a constant and spreads a point by its weights', () => {
  expect(gaussian(new Float64Array(75).fill(0.5), 5, { sigma: 1 }).every((v) => Math.abs(v - 0.5) < 1e-12)).toBe(true);
  const point = new Float64Array(81);
  point[40] = 1;
  const [centre, next] = gaussianWeights(1, 4) as [number, number];
  const spread = gaussian(point, 9, { sigma: 1 });
  expect(spread[40]).toBeCloseTo(centre * centre, 12);
  expect(spread[41]).toBeCloseTo(centre * next, 12);
  expect(next / centre).toBeCloseTo(Math.exp(-0.5), 12);
});

test('borders: the end, mirrored with it twice, mirrored with it once', () => {
  expect([-2, -1, 4, 5].map((i) => place(i, 4, 'nearest'))).toEqual([0, 0, 3, 3]);
  expect([-2, -1, 4, 5].map((i) => place(i, 4, 'reflect'))).toEqual([1, 0, 3, 2]);
  expect([-2, -1, 4, 5].map((i) => mirrored(i, 4))).toEqual([2, 1, 2, 1]);
});

test('colours come back from hue, saturation and value', () => {
  for (const colour of [
    [0.2, 0.2, 0.2],
    [1, 0, 0],
    [0.1, 0.7, 0.3],
    [0.4, 0.1, 0.9],
    [0.9, 0.8, 0.1],
  ] as const)
    hsvToRgb(rgbToHsv(colour)).forEach((v, i) => {
      expect(v).toBeCloseTo(colour[i] as number, 12);
    });
  expect(rgbToHsv([0, 1, 0])).toEqual([1 / 3, 1, 1]);
});

test('the cosine transform gives a block back, and a constant as its first coefficient alone', () => {
  const rng = new Rng('block');
  const block = Int32Array.from({ length: 64 }, () => rng.int(256) - 128);
  const there = block.slice();
  forward(there);
  const back = there.map((c) => Math.round(c / 8));
  inverse(back);
  expect(Math.max(...back.map((v, i) => Math.abs(v - (block[i] as number))))).toBeLessThanOrEqual(2);
  const flat = new Int32Array(64).fill(10);
  forward(flat);
  expect([...flat]).toEqual([640, ...new Array(63).fill(0)]);
});

test('an affine map of three points moves the image by whole pixels', () => {
  const from = [0, 0, 1, 0, 0, 1];
  const shift = affineOf(
    from,
    from.map((v, i) => v + (i % 2 === 0 ? 2 : 1)),
  );
  expect(shift).toEqual([1, 0, 2, 0, 1, 1]);
  const values = Float32Array.from({ length: 64 }, (_, i) => i);
  const moved = warped(values, 8, shift);
  expect(moved[8 * 4 + 5]).toBe(values[8 * 3 + 3]);
});
