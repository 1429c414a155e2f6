/** Eigenvectors against matrices whose eigenvalues are known, and against what they must do. */
import { describe, expect, test } from 'vitest';
import { eigen } from '../../../defenses/parts/symmetric.ts';
import { Rng } from '../../../tensor/rng.ts';

const rowsOf = (...rows: number[][]) => rows.map((row) => Float64Array.from(row));
const sorted = (values: Float64Array) => [...values].sort((a, b) => a - b);

/** The largest entry of `A v - lambda v` and of `V V' - 1`. */
function wrong(rows: readonly Float64Array[], { values, vectors }: ReturnType<typeof eigen>): number {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
  const residuals = vectors.flatMap((v, i) => rows.map((row, j) => dot(row, v) - (values[i] as number) * (v[j] as number)));
  const angles = vectors.flatMap((v, i) => vectors.map((u, j) => dot(u, v) - (i === j ? 1 : 0)));
  return Math.max(...[...residuals, ...angles].map(Math.abs));
}

describe('eigenvalues', () => {
  test.each([
    ['of one number', [[7]], [7]],
    [
      'of a diagonal',
      [
        [3, 0],
        [0, -1],
      ],
      [-1, 3],
    ],
    // trace 4, determinant 3
    [
      'of two by two',
      [
        [2, 1],
        [1, 2],
      ],
      [1, 3],
    ],
    // a ring of four: 2 cos of quarter turns
    [
      'of a ring',
      [
        [0, 1, 0, 1],
        [1, 0, 1, 0],
        [0, 1, 0, 1],
        [1, 0, 1, 0],
      ],
      [-2, 0, 0, 2],
    ],
    [
      'of nothing but ones',
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
      [0, 0, 3],
    ],
    [
      'of zeros',
      [
        [0, 0],
        [0, 0],
      ],
      [0, 0],
    ],
  ])('%s', (_, given, want) => {
    const found = eigen(rowsOf(...given));
    sorted(found.values).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] as number, 12);
    });
    expect(wrong(rowsOf(...given), found)).toBeLessThan(1e-12);
  });
});

test.each([2, 5, 40, 128])('a random matrix of %s is taken apart', (n) => {
  const numbers = new Rng(`s${n}`).normal(n * n);
  const at = (i: number, j: number) => numbers[Math.min(i, j) * n + Math.max(i, j)] as number;
  const rows = () => Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_v, j) => at(i, j)));
  expect(wrong(rows(), eigen(rows()))).toBeLessThan(1e-11);
});
