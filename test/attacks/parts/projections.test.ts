import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { projectHyperplane } from '../../../attacks/parts/fab/hyperplane.ts';
import { NORMS } from '../../../tensor/norms/index.ts';
import { stepIntoL1Ball } from '../../../tensor/norms/l1-projection.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { goldenTensor, largestDifference } from '../../golden.ts';
import { startEngine } from '../engine.ts';

beforeAll(startEngine);

const golden = (name: string) => goldenTensor('attacks', name) as tf.Tensor2D;

describe.each(NORMS)('onto a hyperplane in the box, %s', (norm) => {
  test('the step is that of the authors to 1e-5', async () => {
    const [t, w, b] = [golden('proj_points'), golden('proj_w'), golden('proj_b')];
    const got = await projectHyperplane(t, w, w.mul(t).sum(1).sub(b.flatten()), norm);
    expect(largestDifference(got, golden(`proj_${norm.toLowerCase()}`))).toBeLessThan(1e-5);
  });

  test('random points end on the hyperplane and in the box, or as near as the box allows', async () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 31 });
    await fc.assert(
      fc.asyncProperty(seeds, fc.double({ min: 0, max: 40, noNaN: true }), async (seed, reach) => {
        const rng = new Rng(`case ${seed}`);
        const [n, d] = [4, 30];
        const t = tf.tensor2d(rng.uniform(n * d), [n, d]);
        const w = tf.tensor2d(rng.normal(n * d), [n, d]);
        const offset = tf.tensor1d(rng.normal(n).map((v) => v * reach));
        const step = await projectHyperplane(t, w, offset, norm);
        const end = tf.add(t, step);
        const left = offset.add(w.mul(step).sum(1)).abs();
        // the most that the box lets w.z change in the direction of the hyperplane
        const toward = offset.expandDims(1).sign().neg();
        const most = tf.relu(tf.maximum(w.mul(toward).mul(tf.sub(1, t)), w.mul(toward).mul(t).neg())).sum(1);
        const excess = left
          .sub(tf.relu(offset.abs().sub(most)))
          .abs()
          .max()
          .dataSync()[0];
        expect(excess).toBeLessThan(1e-4);
        expect(end.min().dataSync()[0]).toBeGreaterThanOrEqual(-1e-6);
        expect(end.max().dataSync()[0]).toBeLessThanOrEqual(1 + 1e-6);
      }),
      { numRuns: 30, seed: 4 },
    );
  });
});

test('hand-worked: the hyperplane 2a + b = 2.5 from the origin', async () => {
  const t = tf.tensor2d([[0, 0]]);
  const w = tf.tensor2d([[2, 1]]);
  const offset = tf.tensor1d([-2.5]);
  expect((await projectHyperplane(t, w, offset, 'Linf')).dataSync()).toEqual(Float32Array.of(2.5 / 3, 2.5 / 3));
  // without the box L2 would go to (1, 0.5), which is in the box; L1 goes all the way along a
  expect((await projectHyperplane(t, w, offset, 'L2')).dataSync()).toEqual(Float32Array.of(1, 0.5));
  const [a, b] = (await projectHyperplane(t, w, offset, 'L1')).dataSync();
  expect([a, b]).toEqual([1, 0.5]);
});

test('a point on the hyperplane stays', async () => {
  for (const norm of NORMS) {
    const step = await projectHyperplane(tf.tensor2d([[0.2, 0.4]]), tf.tensor2d([[1, 1]]), tf.tensor1d([0]), norm);
    expect(step.abs().max().dataSync()[0]).toBe(0);
  }
});

describe('onto the L1 ball in the box', () => {
  test('the step is that of the authors to 1e-5', () => {
    const [x, delta] = [golden('proj_points'), golden('l1ball_delta')];
    const got = stepIntoL1Ball(x, delta, tf.fill([24, 1], 3) as tf.Tensor2D);
    expect(largestDifference(got, golden('l1ball_result'))).toBeLessThan(1e-5);
  });

  test('hand-worked: 3 and 1 away, radius 2, a box that cuts the first to 0.5', () => {
    const step = stepIntoL1Ball(tf.tensor2d([[0.5, 0]]), tf.tensor2d([[3, 1]]), tf.tensor2d([[2]]));
    // after the box cut the point is 1.5 away: inside the ball
    expect(Array.from(step.dataSync(), (v) => v + 0)).toEqual([-2.5, 0]);
  });

  test('a point inside stays', () => {
    const step = stepIntoL1Ball(tf.tensor2d([[0.5, 0.5]]), tf.tensor2d([[0.1, -0.2]]), tf.tensor2d([[0.4]]));
    expect(step.abs().max().dataSync()[0]).toBe(0);
  });
});
