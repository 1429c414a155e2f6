import { beforeAll, describe, expect, test } from 'vitest';
import { GRADIENT_NORMS, NORMS, norm, norms } from '../../../tensor/norms/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** One example of the values along the width. */
const row = (...values: number[]) => tf.tensor4d(values, [1, 1, values.length, 1]);
const numbers = (t: tf.Tensor) => Array.from(t.dataSync());
const average = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

describe.each(NORMS)('%s', (name) => {
  const { [name]: ball } = norms as Record<string, ReturnType<typeof norm>>;
  const own = ball as ReturnType<typeof norm>;

  test('is found by its own name', () => {
    expect(own.name).toBe(name);
    expect(norm(name)).toBe(own);
  });

  test('a product is at most size times dual size, and somewhere that much', () => {
    const w = row(3, -1, 0.5);
    const dual = own.dual(w).dataSync()[0] as number;
    const rng = new Rng(`dual ${name}`);
    const points = tf.stack(Array.from({ length: 4000 }, () => tf.tensor(own.onSphere(3, rng), [1, 3, 1])));
    const most = points.mul(w).sum([1, 2, 3]).max().dataSync()[0] as number;
    expect(most).toBeLessThanOrEqual(dual * (1 + 1e-6));
    expect(most).toBeGreaterThan(0.9 * dual);
  });

  test('ones are as long as it says', () => {
    expect(own.size(tf.ones([1, 2, 2, 3])).dataSync()[0]).toBeCloseTo(own.ofOnes(12), 5);
  });

  test('projects into ball and box, each example by its own radius, and leaves what lies in both', () => {
    const rng = new Rng(`project ${name}`);
    const origin = tf.tensor4d(rng.uniform(24), [2, 2, 2, 3]);
    const radii = [0.02, 0.1].map((share) => share * own.ofOnes(12));
    const far = origin.add(tf.tensor4d(rng.normal(24), origin.shape)) as tf.Tensor4D;
    const projected = own.project(far, origin, tf.tensor(radii, [2, 1, 1, 1]));
    own
      .size(projected.sub(origin))
      .dataSync()
      .forEach((size, i) => {
        expect(size / (radii[i] as number)).toBeLessThan(1 + 1e-5);
        expect(size / (radii[i] as number)).toBeGreaterThan(0.7);
      });
    expect(projected.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
    expect(projected.max().dataSync()[0]).toBeLessThanOrEqual(1);
    const near = origin.add(projected.sub(origin).mul(0.5)) as tf.Tensor4D;
    expect(numbers(own.project(near, origin, Math.max(...radii)))).toEqual(numbers(near));
  });

  test('points of the sphere have norm 1 and prefer no side', () => {
    const rng = new Rng(`sphere ${name}`);
    const points = Array.from({ length: 2000 }, () => own.onSphere(6, rng));
    for (const point of points.slice(0, 50)) expect(own.size(row(...point)).dataSync()[0]).toBeCloseTo(1, 5);
    // at most 1 in size, so that a mean strays by 1 / sqrt(2000) at most
    for (let i = 0; i < 6; i++) expect(Math.abs(average(points.map((p) => p[i] as number)))).toBeLessThan(3 / Math.sqrt(2000));
  });

  test('points of the ball are uniform: the share within a radius is the radius to the power of the dimensions', () => {
    const [n, d, eps] = [2000, 3, 0.7];
    const sizes = numbers(own.size(own.inBall([n, 1, d, 1], eps, new Rng(`ball ${name}`))));
    const shares = sizes.map((r) => (r / eps) ** d).sort((a, b) => a - b);
    const off = shares.map((share, i) => Math.max(Math.abs(share - i / n), Math.abs(share - (i + 1) / n)));
    // Kolmogorov and Smirnov at one in a thousand
    expect(Math.max(...off)).toBeLessThan(1.95 / Math.sqrt(n));
  });
});

// the mean square of a coordinate of a uniform point of the ball of radius 1 in d dimensions, by integration
test.each([
  ['Linf', (_: number) => 1 / 3],
  ['L2', (d: number) => 1 / (d + 2)],
  ['L1', (d: number) => 2 / ((d + 1) * (d + 2))],
] as const)('%s: points of the ball spread over it as over a solid', (name, meanSquare) => {
  const [n, d] = [4000, 12];
  const points = norm(name).inBall([n, 1, d, 1], 1, new Rng(`solid ${name}`));
  const ratios = numbers(points.square().mean([0, 1, 3]).div(meanSquare(d)));
  expect(Math.abs(average(ratios) - 1)).toBeLessThan(0.02);
  for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(0.12);
});

// of a uniform point of the sphere; normal numbers scaled to L1 norm 1 would give 0.79 of it
test.each([
  ['L2', (d: number) => 1 / d],
  ['L1', (d: number) => 2 / (d * (d + 1))],
] as const)('%s: points of the sphere are spread as on its faces', (name, meanSquare) => {
  const [n, d] = [4000, 24];
  const rng = new Rng(`faces ${name}`);
  const squares = Array.from({ length: n }, () => average(Array.from(norm(name).onSphere(d, rng), (v) => v * v)));
  expect(average(squares) / meanSquare(d)).toBeGreaterThan(0.98);
  expect(average(squares) / meanSquare(d)).toBeLessThan(1.02);
});

test('sizes and dual sizes by hand', () => {
  const delta = row(3, -4, 0);
  expect(NORMS.map((name) => [name, norm(name).size(delta).dataSync()[0], norm(name).dual(delta).dataSync()[0]])).toEqual([
    ['Linf', 4, 7],
    ['L2', 5, 5],
    ['L1', 7, 4],
  ]);
});

test('projections by hand', () => {
  const origin = row(0.5, 0.5, 0);
  const x = row(0.8, 0.1, -0.5);
  const by = (name: string, eps: number) => numbers(norm(name).project(x, origin, eps));
  const expectRow = (got: number[], want: number[]) =>
    got.forEach((v, i) => {
      expect(v).toBeCloseTo(want[i] as number, 6);
    });
  expectRow(by('Linf', 0.2), [0.7, 0.3, 0]);
  // of length sqrt(0.09 + 0.16 + 0.25) = sqrt(0.5), halved, then cut to the box
  expectRow(by('L2', Math.sqrt(0.125)), [0.65, 0.3, 0]);
  // the third meets the box at once; what is left, 0.3 and 0.4, shrinks by 0.1 each
  expectRow(by('L1', 0.5), [0.7, 0.2, 0]);
});

test('gradient steps by hand', () => {
  const at = { x: row(0.5, 0.5, 0.5), grad: row(3, -4, 0), origin: row(0.5, 0.5, 0.5) };
  expect(GRADIENT_NORMS).toEqual(['Linf', 'L2']);
  const by = (name: string, size: number, eps: number) =>
    numbers(norm(name).step?.(at, size, eps) as tf.Tensor).map((v) => Number(v.toFixed(6)));
  expect(by('Linf', 0.1, 1)).toEqual([0.6, 0.4, 0.5]);
  expect(by('Linf', 0.1, 0.05)).toEqual([0.55, 0.45, 0.5]);
  expect(by('L2', 0.1, 1)).toEqual([0.56, 0.42, 0.5]);
  expect(by('L2', 0.1, 0.05)).toEqual([0.53, 0.46, 0.5]);
});

test('an unknown norm is an error that names those there are', () => {
  expect(() => norm('L3')).toThrow('unknown norm "L3"; did you mean "L2"? known: Linf, L2, L1');
  expect(() => norm('toString')).toThrow('unknown norm "toString"');
});
