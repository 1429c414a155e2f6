/** On two half spaces the nearest wrong point is known: searches by decisions come to it. */
import { expect, test } from 'vitest';
import { hopSkipJump } from '../../../../attacks/hopskipjump.ts';
import { BOUNDARY } from '../../../../attacks/parts/decision/geometry.ts';
import type { Questions } from '../../../../attacks/parts/decision/inquiry.ts';
import { rayS } from '../../../../attacks/rays.ts';
import { Rng } from '../../../../tensor/rng.ts';
import type { Shape } from '../../../../tensor/tf.ts';
import { points } from './answer.ts';

const SHAPE: Shape = [8, 8, 3];
const D = 192;
const PARAMS = { queries: 1, probes: 100, mostProbes: 10_000, gamma: 1 };

/** An image, and a plane at `distance` from it: the margin over the dual norm of its normal. The box cuts nothing off on the way. */
function plane(seed: string, norm: 'L2' | 'Linf', distance: number) {
  const rng = new Rng(seed);
  const normal = rng.normal(D);
  const clean = rng.uniform(D, 0.4, 0.6);
  const dual = norm === 'L2' ? Math.hypot(...normal) : normal.reduce((sum, v) => sum + Math.abs(v), 0);
  const dot = (x: Float32Array) => normal.reduce((sum, v, i) => sum + v * (x[i] as number), 0);
  const offset = dot(clean) + distance * dual;
  return { clean, isWrong: (x: Float32Array) => dot(x) > offset };
}

/** The nearest wrong point after so many decisions, its distance over the least that there is. */
function excess(
  questions: Questions<never>,
  { clean, isWrong }: ReturnType<typeof plane>,
  norm: 'L2' | 'Linf',
  distance: number,
  queries: number,
) {
  let best = Number.POSITIVE_INFINITY;
  for (const point of points(questions, D, queries, isWrong))
    if (isWrong(point)) best = Math.min(best, BOUNDARY[norm].distance(point, clean));
  return best / distance;
}

const CASES = [
  { norm: 'L2', distance: 0.5, queries: 3000, within: 1.08 },
  { norm: 'L2', distance: 0.5, queries: 10_000, within: 1.04 },
  { norm: 'Linf', distance: 0.03, queries: 3000, within: 1.3 },
  { norm: 'Linf', distance: 0.03, queries: 10_000, within: 1.08 },
] as const;

test.each(CASES)(
  'HopSkipJump in $norm comes within $within of the least distance in $queries decisions',
  ({ norm, distance, queries, within }) => {
    for (const seed of ['a', 'b', 'c']) {
      const at = plane(seed, norm, distance);
      const questions = hopSkipJump(at.clean, SHAPE, BOUNDARY[norm], PARAMS, new Rng(`search ${seed}`));
      const got = excess(questions, at, norm, distance, queries);
      expect(got).toBeGreaterThanOrEqual(1 - 1e-6);
      expect(got).toBeLessThanOrEqual(within);
    }
  },
);

test('RayS comes within 3 % of the least distance in 3000 decisions', () => {
  for (const seed of ['a', 'b', 'c']) {
    const at = plane(seed, 'Linf', 0.03);
    const got = excess(rayS(at.clean, SHAPE), at, 'Linf', 0.03, 3000);
    expect(got).toBeGreaterThanOrEqual(1 - 1e-6);
    expect(got).toBeLessThanOrEqual(1.03);
  }
});
