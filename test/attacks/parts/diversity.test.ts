import { beforeAll, expect, test } from 'vitest';
import type { Loss, Target } from '../../../attacks/attack.ts';
import { diverse } from '../../../attacks/parts/diversity.ts';
import { createTarget } from '../../../attacks/target.ts';
import { Rng } from '../../../tensor/rng.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import { randomLinear } from '../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('the gradient is that of the loss at the transformed image', () => {
  const shape: Shape = [6, 6, 2];
  const rng = new Rng('adjoint');
  const target = createTarget(randomLinear(shape, 3, rng), 'linear');
  const loss: Loss = (z) => z.slice([0, 1], [-1, 1]).flatten() as tf.Tensor1D;
  const at = (x: tf.Tensor4D) => diverse(target, [new Rng('one'), new Rng('two')], { probability: 1, smallest: 0.5 }).gradient(x, loss);
  const x = tf.tensor4d(rng.uniform(2 * 72), [2, ...shape]);
  const other = tf.tensor4d(rng.uniform(2 * 72), [2, ...shape]);
  // transformation and model are linear: the loss changes by exactly the gradient times the step
  const rise = at(other).loss.sub(at(x).loss).dataSync();
  const predicted = at(x).grad.mul(other.sub(x)).sum([1, 2, 3]).dataSync();
  expect(rise[0]).toBeCloseTo(predicted[0] as number, 4);
  expect(rise[1]).toBeCloseTo(predicted[1] as number, 4);
  // and the transformation did something
  expect(Math.abs((at(x).loss.dataSync()[0] as number) - (target.gradient(x, loss).loss.dataSync()[0] as number))).toBeGreaterThan(0.1);
});

test('an image shrinks to a side between the smallest share of its own and its own, as often as the probability says', () => {
  const shape: Shape = [20, 20, 1];
  const sides: number[] = [];
  // the rows that are not padding
  const gradient: Target['gradient'] = (x) => {
    sides.push((x.max([2, 3]).greater(0).sum().dataSync()[0] as number) / 20);
    return { loss: tf.zeros([1]), logits: tf.zeros([1, 2]), grad: tf.zerosLike(x) };
  };
  const rng = new Rng('sides');
  const seen = diverse({ gradient }, [rng], { probability: 0.7, smallest: 0.5 });
  for (let i = 0; i < 400; i++) seen.gradient(tf.ones([1, ...shape]), (z) => z.sum(1));
  expect(Math.min(...sides)).toBe(0.5);
  expect(Math.max(...sides)).toBe(1);
  // of 20 rows 10 to 20 are left: 20 where it is not shrunk, or with a chance of 1 in 20, by rounding
  const whole = sides.filter((side) => side === 1).length / 400;
  expect(Math.abs(whole - (0.3 + 0.7 * 0.05))).toBeLessThan(3 * Math.sqrt((0.335 * 0.665) / 400));
  const shrunk = sides.filter((side) => side < 1);
  const mean = shrunk.reduce((sum, side) => sum + side, 0) / shrunk.length;
  // uniform from 0.5 to 0.975: a spread of 0.137 around the middle
  expect(Math.abs(mean - 0.7375)).toBeLessThan((3 * 0.137) / Math.sqrt(shrunk.length));
});
