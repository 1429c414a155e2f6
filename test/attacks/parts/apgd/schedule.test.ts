import { beforeAll, describe, expect, test } from 'vitest';
import { APGD } from '../../../../attacks/parts/apgd/norms.ts';
import { HalvingSchedule, SparseSchedule } from '../../../../attacks/parts/apgd/schedule.ts';
import { dlr, targetedDlr } from '../../../../attacks/parts/dlr.ts';
import { tf } from '../../../../tensor/tf.ts';
import { startEngine } from '../../engine.ts';

beforeAll(startEngine);

test('with larger radii, three and two times the radius take three tenths of the iterations each, rounded up, and the radius what is left', () => {
  const stages = (iterations: number) => APGD.L1.stages({ iterations, largerEps: true }, 2);
  expect(stages(11)).toEqual([
    { eps: 6, iterations: 4 },
    { eps: 4, iterations: 4 },
    { eps: 2, iterations: 3 },
  ]);
  expect(stages(1).map((s) => s.iterations)).toEqual([1, 1, 0]);
  expect(APGD.L1.stages({ iterations: 11, largerEps: false }, 2)).toEqual([{ eps: 2, iterations: 11 }]);
});

describe('the halving schedule', () => {
  test('looks at iterations 22, 41, 57, 70, 80, 87, 93 and 99 of 100', () => {
    const schedule = new HalvingSchedule(100, 0.75);
    schedule.begin(1);
    // a falling loss oscillates at every checkpoint
    const restarts = Array.from({ length: 100 }, (_, i) => i + 1).filter((i) => schedule.observe(1 - i).restart);
    expect(restarts).toEqual([22, 41, 57, 70, 80, 87, 93, 99]);
    expect(schedule.step).toBe(1 / 256);
  });

  test('keeps the step while the loss rises', () => {
    const schedule = new HalvingSchedule(100, 0.75);
    schedule.begin(0);
    for (let i = 1; i <= 100; i++) expect(schedule.observe(i)).toEqual({ improved: true, restart: false });
    expect(schedule.step).toBe(1);
  });

  test('halves where the loss rose in no more than rho of the iterations', () => {
    // window 22, rho 0.75: 16 rises of 22 are too few, 17 are enough
    for (const [rises, restart] of [
      [16, true],
      [17, false],
    ] as const) {
      const schedule = new HalvingSchedule(100, 0.75);
      schedule.begin(0);
      let last = false;
      for (let i = 1; i <= 22; i++) last = schedule.observe(i <= rises ? i : rises - (i - rises)).restart;
      expect(last).toBe(restart);
    }
  });

  test('halves at the next checkpoint where neither step nor best loss has changed', () => {
    const schedule = new HalvingSchedule(100, 0.75);
    schedule.begin(100);
    // rises all the time, so that it does not oscillate, but never to the best loss, which is that of the start
    const restarts = Array.from({ length: 60 }, (_, i) => i + 1).filter((i) => schedule.observe(i).restart);
    expect(restarts).toEqual([41]);
  });
});

describe('the sparse schedule', () => {
  test('moves two thirds of the coordinates of the best point, and shrinks the step by 1.5 to a tenth', () => {
    const schedule = new SparseSchedule(25, 100, true);
    schedule.begin(0, 60);
    expect(schedule.density).toBeCloseTo(0.4);
    expect(schedule.observe(1, 60).restart).toBe(false);
    expect(schedule.step).toBeCloseTo(1 / 1.5);
    for (let i = 2; i < 12; i++) schedule.observe(i, 60);
    expect(schedule.step).toBeCloseTo(0.1);
    expect(schedule.observe(20, 30)).toEqual({ improved: true, restart: true });
    expect(schedule.step).toBe(1);
    expect(schedule.density).toBeCloseTo(0.2);
  });

  test('a cold start moves a fifth', () => {
    const schedule = new SparseSchedule(100, 3072, false);
    schedule.begin(0, 3072);
    expect(schedule.density).toBe(0.2);
  });
});

test('larger radii take 30, 30 and 40 of 100 iterations, in L1 alone', () => {
  const options = { iterations: 100, rho: 0.75, eotIterations: 1, largerEps: true };
  expect(APGD.L1.stages(options, 12)).toEqual([
    { eps: 36, iterations: 30 },
    { eps: 24, iterations: 30 },
    { eps: 12, iterations: 40 },
  ]);
  expect(APGD.L2.stages(options, 0.5)).toEqual([{ eps: 0.5, iterations: 100 }]);
});

describe('the difference of logits ratio', () => {
  const z = [
    [4, 1, 3, 0],
    [4, 1, 3, 0],
  ];
  const y = () => tf.tensor1d([0, 1], 'int32');

  test('hand-worked: right by 1 over a spread of 3, wrong by 3 over the same', () => {
    // largest less third is 4 - 1; the other logit is 3 for the right example, 4 for the wrong one
    const value = dlr(y())(tf.tensor2d(z)).arraySync();
    expect(value[0]).toBeCloseTo(-1 / 3);
    expect(value[1]).toBeCloseTo(1);
  });

  test('targeted, hand-worked: towards class 2 over 4 less the mean of 1 and 0', () => {
    const value = targetedDlr(y(), tf.tensor1d([2, 2], 'int32'))(tf.tensor2d(z)).arraySync();
    expect(value[0]).toBeCloseTo(-1 / 3.5);
    expect(value[1]).toBeCloseTo(2 / 3.5);
  });

  test('the gradient is that of finite differences', () => {
    const logits = tf.tensor2d([
      [2.3, -0.4, 1.1, 0.2, -1.3],
      [0.3, 2.4, 1.9, 0.2, 1.3],
    ]);
    for (const loss of [dlr(y()), targetedDlr(y(), tf.tensor1d([3, 4], 'int32'))]) {
      const grad = tf
        .grad((l: tf.Tensor) => loss(l as tf.Tensor2D).sum())(logits)
        .arraySync() as number[][];
      const h = 1e-2;
      for (let i = 0; i < 2; i++)
        for (let k = 0; k < 5; k++) {
          const nudge = tf.buffer([2, 5]);
          nudge.set(h, i, k);
          const [up, down] = [logits.add(nudge.toTensor()), logits.sub(nudge.toTensor())].map(
            (l) => loss(l as tf.Tensor2D).arraySync()[i] as number,
          ) as [number, number];
          expect((grad[i] as number[])[k]).toBeCloseTo((up - down) / (2 * h), 2);
        }
    }
  });
});
