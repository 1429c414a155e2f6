import { beforeAll, expect, test } from 'vitest';
import { projectL1 } from '../../../attacks/parts/l1-ball.ts';
import { tf } from '../../../tensor/tf.ts';
import { goldenTensor } from '../../golden.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('projections are those of the reference to 1e-5', () => {
  const [points, deltas, steps] = ['proj_points', 'l1ball_delta', 'l1ball_result'].map(
    (name) => goldenTensor('attacks', name).arraySync() as number[][],
  );
  points?.forEach((point, row) => {
    const given = deltas?.[row] ?? [];
    const delta = Float32Array.from(given);
    projectL1(delta, Float32Array.from(point), 3);
    steps?.[row]?.forEach((step, i) => {
      expect(Math.abs((delta[i] as number) - ((given[i] as number) + step))).toBeLessThan(1e-5);
    });
  });
});

test('a perturbation inside ball and box stays as it is', () => {
  const delta = Float32Array.of(0.25, -0.5, 0);
  projectL1(delta, Float32Array.of(0.5, 0.75, 0.5), 1);
  expect(Array.from(delta)).toEqual([0.25, -0.5, 0]);
});

test('the box holds one coordinate, and the others shrink alike', () => {
  // by hand: the first may go 0.25 at most; shrinking by 0.25 leaves 0.25 + 0.5 + 0.25 = 1
  const delta = Float32Array.of(1, 0.75, -0.5);
  projectL1(delta, Float32Array.of(0.75, 0, 0.5), 1);
  expect(Array.from(delta)).toEqual([0.25, 0.5, -0.25]);
});

test('radius 0 leaves nothing', () => {
  const delta = Float32Array.of(0.5, -0.5);
  projectL1(delta, Float32Array.of(0.5, 0.5), 0);
  expect(Array.from(delta, Math.abs)).toEqual([0, 0]);
});
