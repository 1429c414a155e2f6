import { beforeAll, expect, test } from 'vitest';
import { L1 } from '../../../tensor/norms/l1.ts';
import { projectL1 } from '../../../tensor/norms/l1-on-host.ts';
import { Rng } from '../../../tensor/rng.ts';
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

test('leads where the projection of a batch does', () => {
  const rng = new Rng('both forms');
  const [n, d] = [40, 48];
  const x = tf.tensor4d(rng.uniform(n * d), [n, 4, 4, 3]);
  const delta = tf.tensor4d(rng.normal(n * d), x.shape);
  // sums of 48 sizes in float32; from a ball that every perturbation leaves to one that most lie in once they are in the box
  const radii = Float32Array.from({ length: n }, (_, i) => 0.2 * 1.15 ** i);
  const want = L1.project(x.add(delta), x, tf.tensor4d(radii, [n, 1, 1, 1]))
    .sub(x)
    .dataSync();
  const found = delta.dataSync().slice() as Float32Array;
  radii.forEach((eps, i) => {
    projectL1(found.subarray(i * d, (i + 1) * d), x.dataSync().subarray(i * d, (i + 1) * d) as Float32Array, eps);
  });
  expect(Math.max(...found.map((v, i) => Math.abs(v - (want[i] as number))))).toBeLessThan(1e-5);
});
