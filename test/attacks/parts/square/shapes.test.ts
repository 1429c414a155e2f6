import { expect, test } from 'vitest';
import { inL1, inL2, proposals } from '../../../../attacks/parts/square/proposals.ts';
import { randomShape, shareOfPixels, sideOf } from '../../../../attacks/parts/square/shapes.ts';
import { Rng } from '../../../../tensor/rng.ts';
import type { Shape } from '../../../../tensor/tf.ts';

test('the share of pixels falls as published', () => {
  const at = (iteration: number) => shareOfPixels(0.8, iteration, 5000, false);
  expect([0, 10, 11, 50, 51, 200, 201, 500, 501, 1001, 2001, 4001].map(at)).toEqual(
    [1, 1, 2, 2, 4, 4, 8, 8, 16, 32, 64, 128].map((by) => 0.8 / by),
  );
});

test('rescaled, the schedule of 10,000 iterations fits the queries', () => {
  // query 6 of 5,000 is iteration 12 of 10,000
  expect(shareOfPixels(0.8, 6, 5000, true)).toBe(0.4);
  expect(shareOfPixels(0.8, 4999, 5000, true)).toBe(0.8 / 512);
});

test('sides are those of the reference on 32x32', () => {
  // sqrt(0.8 * 1024) = 28.6, sqrt(0.0125 * 1024) = 3.6
  expect(sideOf(0.8, 32, 32, false)).toBe(29);
  expect(sideOf(0.0125, 32, 32, false)).toBe(4);
  expect(sideOf(0.0125, 32, 32, true)).toBe(5);
  expect(sideOf(1e-6, 32, 32, false)).toBe(1);
  expect(sideOf(1e-6, 32, 32, true)).toBe(3);
});

// distinct values of the authors' windows, row by row: above, below
const REFERENCE = {
  'L2 3': [
    [0.1360828, 0.6804138, 0.1360828],
    [-0.1290994, -0.1290994, -0.1290994],
    [-0.1290994, -0.6454972, -0.1290994],
  ],
  'L2 4': [
    [0.0494015, 0.160555, 0.160555, 0.160555],
    [0.0494015, 0.160555, 0.6051689, 0.160555],
    [-0.0494015, -0.160555, -0.160555, -0.160555],
    [-0.0494015, -0.160555, -0.6051689, -0.160555],
  ],
  'L1 4': [
    [0.0041885, 0.0253927, 0.0253927, 0.0253927],
    [0.0041885, 0.0253927, 0.3646597, 0.0253927],
    [-0.0041885, -0.0253927, -0.0253927, -0.0253927],
    [-0.0041885, -0.0253927, -0.3646597, -0.0253927],
  ],
};

test.each(Object.entries(REFERENCE))('the window %s is that of the authors, upright or lying', (name, want) => {
  const [norm, side] = name.split(' ') as ['L2' | 'L1', string];
  const measure = { L2: inL2, L1: inL1 }[norm];
  const n = Number(side);
  const seen = new Set<boolean>();
  for (let seed = 0; seed < 8; seed++) {
    const value = randomShape(n, measure, new Rng(`shape ${seed}`));
    const upright = value(0, 0) * value(n - 1, 0) < 0 && value(0, 0) * value(0, n - 1) > 0;
    seen.add(upright);
    want.forEach((row, r) => {
      row.forEach((v, c) => {
        expect(upright ? value(r, c) : value(c, r)).toBeCloseTo(v, 6);
      });
    });
  }
  expect(seen.size).toBe(2);
});

const SHAPE: Shape = [8, 8, 3];
const D = 192;

test('Linf proposals put one square of each channel to an end of its range and leave the rest', () => {
  const rng = new Rng('squares');
  const clean = rng.uniform(D, 0.2, 0.8);
  const { start, propose } = proposals(SHAPE, { norm: 'Linf', eps: 0.1 });
  const best = new Float32Array(D);
  const out = new Float32Array(D);
  start(clean, best, rng);
  best.forEach((v, i) => {
    expect(Math.abs(v - (clean[i] as number))).toBeCloseTo(0.1, 6);
    // stripes: the sign is that of the row above
    if (i >= 24) expect(v > (clean[i] as number)).toBe((best[i - 24] as number) > (clean[i - 24] as number));
  });
  best.set(clean);
  propose(clean, best, out, 3, rng);
  const changed = Array.from(out.keys()).filter((i) => out[i] !== clean[i]);
  expect(changed).toHaveLength(27);
  const rows = changed.map((i) => Math.floor(i / 24));
  const columns = changed.map((i) => Math.floor(i / 3) % 8);
  expect(Math.max(...rows) - Math.min(...rows)).toBe(2);
  expect(Math.max(...columns) - Math.min(...columns)).toBe(2);
});

test.each(['L2', 'L1'] as const)('%s starts and proposals spend the whole budget where the box allows', (norm) => {
  const rng = new Rng('bumps');
  const clean = new Float32Array(D).fill(0.5);
  const { start, propose } = proposals(SHAPE, { norm, eps: 0.4 });
  const size = (x: Float32Array) => {
    const delta = Array.from(x, (v) => Math.abs(v - 0.5));
    return norm === 'L1' ? delta.reduce((a, b) => a + b, 0) : Math.sqrt(delta.reduce((a, b) => a + b * b, 0));
  };
  const best = new Float32Array(D);
  start(clean, best, rng);
  expect(size(best)).toBeCloseTo(0.4, 4);
  for (let i = 0; i < 20; i++) {
    const out = new Float32Array(D);
    propose(clean, best, out, 3, rng);
    expect(size(out)).toBeCloseTo(0.4, 4);
    best.set(out);
  }
});
