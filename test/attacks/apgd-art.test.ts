import { expect, test } from 'vitest';
import apgdCeArt from '../../attacks/apgd-ce-art.ts';
import apgdDlrArt from '../../attacks/apgd-dlr-art.ts';
import autoattackArt from '../../attacks/autoattack-art.ts';
import { membersOf } from '../../attacks/members.ts';
import { artCheckpoints } from '../../attacks/parts/apgd/art.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(apgdCeArt, { iterations: 10, restarts: 2, stepSize: 0.5 });
testAttack(apgdDlrArt, { iterations: 10, restarts: 2, stepSize: 0.5 }, { fewestClasses: 3 });

test('steps are looked back on where the toolbox does it', () => {
  expect(artCheckpoints(100)).toEqual([0, 22, 41, 58, 70, 80, 87, 93, 99]);
  expect(artCheckpoints(10)).toEqual([0, 3, 5, 6, 8, 8, 9, 10, 10]);
});

test('AutoAttack of ART is its APGDs with five starts, DeepFool and Square, and without the ratio where classes are few', () => {
  const threat = { norm: 'Linf', eps: 0.031 } as const;
  const members = membersOf(autoattackArt, autoattackArt.params.parse({}), threat, 10);
  expect(members.map((m) => [m.label, m.params])).toEqual([
    ['apgd-ce-art', { iterations: 100, restarts: 5, stepSize: 0.003, rho: 0.75 }],
    ['apgd-dlr-art', { iterations: 100, restarts: 5, stepSize: 0.003, rho: 0.75 }],
    ['deepfool', { steps: 100, overshoot: 0.001, gradients: 10 }],
    ['square', { queries: 5000, p: 0.8, restarts: 5, rescale: true }],
  ]);
  expect(membersOf(autoattackArt, {}, threat, 2).map((m) => m.label)).toEqual(['apgd-ce-art', 'deepfool', 'square']);
  expect(() => membersOf(autoattackArt, {}, { norm: 'L2', eps: 0.5 }, 10)).toThrow('expected a norm of Linf, got L2');
});

/** Images of one pixel and label 0, whose loss rises with the pixel and does not tell where `wrong` says that class 1 is a hair ahead. */
function line(wrong: (v: number) => boolean) {
  const seen: number[] = [];
  const logits = (x: tf.Tensor4D) => {
    const values = [...x.dataSync()];
    seen.push(...values);
    return tf.tensor2d(values.map((v) => [0, wrong(v) ? 1e-7 : -1e-7, v - 5]));
  };
  const linearize = (x: tf.Tensor4D) => {
    const made = logits(x);
    const pullback = (d: tf.Tensor2D) => tf.tidy(() => d.slice([0, 2], [-1, 1]).reshape(x.shape) as tf.Tensor4D);
    return { logits: made, pullback, dispose: () => made.dispose() };
  };
  return { seen, target: createTarget({ classes: 3, inputShape: [1, 1, 1], logits, linearize, dispose: () => undefined }, 'line') };
}

async function climbed(wrong: (v: number) => boolean, params: Record<string, unknown>) {
  const { seen, target } = line(wrong);
  const x = tf.tensor4d([0.5], [1, 1, 1, 1]);
  const batch = { x, y: tf.tensor1d([0], 'int32'), labels: Int32Array.of(0), ids: Int32Array.of(0) };
  const run = { rng: new Rng('line'), signal: new AbortController().signal, batchSize: 1, sources: new Map() };
  const plugin = apgdCeArt;
  const points = await plugin.create(plugin.params.parse(params)).perturb(batch, target, { norm: 'Linf', eps: 0.1 }, run);
  return { seen, point: points.dataSync()[0] as number };
}

test('steps of the size that is given, three quarters of each and a quarter of the one before', async () => {
  const { seen } = await climbed(() => false, { iterations: 4, restarts: 1, stepSize: 0.01 });
  const steps = seen.slice(1).map((v, i) => v - (seen[i] as number));
  // 0.75 * 0.01 and a quarter of the step before are 0.01 again
  for (const step of steps) expect(step).toBeCloseTo(0.01, 4);
  expect(seen[0]).not.toBe(0.5);
  expect(Math.abs((seen[0] as number) - 0.5)).toBeLessThanOrEqual(0.1);
});

test('an error on the way counts for nothing, and one at the start or at the end does', async () => {
  const { seen, point } = await climbed(() => false, { iterations: 6, restarts: 1, stepSize: 0.005 });
  expect(point).toBe(0.5);
  const [start, middle, end] = [seen[0], seen[3], seen[6]] as [number, number, number];
  const near = (at: number) => (v: number) => Math.abs(v - at) < 0.001;
  expect((await climbed(near(middle), { iterations: 6, restarts: 1, stepSize: 0.005 })).point).toBe(0.5);
  expect((await climbed(near(end), { iterations: 6, restarts: 1, stepSize: 0.005 })).point).toBeCloseTo(end, 6);
  expect((await climbed(near(start), { iterations: 6, restarts: 1, stepSize: 0.005 })).point).toBeCloseTo(start, 6);
});
