import { beforeAll, expect, test } from 'vitest';
import type { Loss } from '../../../attacks/attack.ts';
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
