import { beforeAll, expect, test } from 'vitest';
import transfer from '../../../attacks/transfer.ts';
import { budgetTolerance } from '../../../harness/evaluate/checks.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, mover, pixels, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const data = pixels(130, 150);

test('an attack that leaves the budget fails its cell by name, example and distance', async () => {
  await expect(evaluate(input(mover('greedy', 1.5), data))).rejects.toMatchObject({
    kind: 'budget',
    message: expect.stringMatching(/^\[attack greedy\] example 0: expected Linf distance <= 0\.1, got 0\.1(5|49999)/),
  });
});

test('an excess of 1e-5 is an excess', async () => {
  await expect(evaluate(input(mover('greedy', 1.0001), data))).rejects.toMatchObject({ kind: 'budget' });
});

test('NaN in a point is no way out of the budget', async () => {
  await expect(evaluate(input(mover('broken', Number.NaN), data))).rejects.toMatchObject({ kind: 'budget' });
});

test('an attack without a radius may leave the budget, and its distances are noted; box and NaN are held', async () => {
  const free = { ...mover('free', 2), bounded: false as const };
  const { robust, distances } = await evaluate(input(free, data));
  expect([robust, distances]).toEqual(['00', [0.2, 0.2]]);
  const broken = { ...mover('broken', Number.NaN), bounded: false as const };
  await expect(evaluate(input(broken, data))).rejects.toMatchObject({ kind: 'budget' });
  const outside = { ...free, create: () => ({ perturb: async (batch: { x: tf.Tensor4D }) => batch.x.sub(0.6) as tf.Tensor4D }) };
  await expect(evaluate(input(outside, data))).rejects.toThrow('expected pixels in [0,1]');
});

test('what such an attack makes for another may leave it too', async () => {
  const free = { ...mover('free', 2), bounded: false as const };
  const params = { sources: ['source'], attack: { name: 'free' } };
  const lookup = () => free;
  const sources = new Map([['source', { classifier: threshold(), name: 'source' }]]);
  const { distances } = await evaluate(input(transfer, data, { params, lookup, sources }));
  expect(distances).toEqual([0.2, 0.2]);
});

test('an attack that leaves the box fails', async () => {
  const outside = {
    ...mover('outside', 1),
    create: () => ({ perturb: async (batch: { x: tf.Tensor4D }) => batch.x.sub(0.6) as tf.Tensor4D }),
  };
  await expect(evaluate(input(outside, data, { threat: { norm: 'Linf', eps: 1 } }))).rejects.toThrow(
    /example 0: expected pixels in \[0,1\]/,
  );
});

test('points of another shape fail', async () => {
  const wrong = { ...mover('wrong', 1), create: () => ({ perturb: async () => tf.zeros<tf.Rank.R4>([1, 1, 1, 1]) }) };
  await expect(evaluate(input(wrong, data))).rejects.toThrow('[attack wrong] expected points of shape [2, 1, 1, 1], got [1, 1, 1, 1]');
});

test('NaN logits name the model', async () => {
  const nan = { ...threshold(), logits: (x: tf.Tensor4D) => tf.fill<tf.Rank.R2>([x.shape[0], 2], Number.NaN) };
  await expect(evaluate(input(mover('full', 1), data, { classifier: nan }))).rejects.toThrow('[model threshold] logits are not finite');
});

test('a norm that the attack does not have is refused', async () => {
  const linf = { ...mover('full', 1), norms: ['Linf'] as const };
  await expect(evaluate(input(linf, data, { threat: { norm: 'L1', eps: 1 } }))).rejects.toThrow(
    '[attack full] expected a norm of Linf, got L1',
  );
});

test('a checkpoint of another cell is refused', async () => {
  const states: Uint8Array[] = [];
  await evaluate(input(mover('full', 1), data, { checkpoint: { load: async () => undefined, save: async (s) => void states.push(s) } }));
  const other = input(mover('full', 1), pixels(1, 2, 3), {
    checkpoint: { load: async (decode) => decode(states[0] as Uint8Array), save: async () => {} },
  });
  await expect(evaluate(other)).rejects.toThrow('is no state of this evaluation: expected 3 examples, got 2');
});

test('outcomes at a larger radius say nothing about a smaller one', async () => {
  const smaller = { eps: 0.2, robust: '00', predictions: [0, 0], distances: [0, 0] };
  await expect(evaluate(input(mover('full', 1), data, { smaller }))).rejects.toThrow('at a radius <= 0.1, got 2 at 0.2');
});

test('an aborted evaluation stops between batches', async () => {
  const controller = new AbortController();
  const stopping = input(mover('full', 1), pixels(130, 131, 132, 133), { signal: controller.signal, onProgress: () => controller.abort() });
  await expect(evaluate(stopping)).rejects.toThrow(/abort/i);
});

test('the tolerance covers float32 rounding and nothing that matters', () => {
  expect(budgetTolerance({ norm: 'Linf', eps: 8 / 255 }, 3072)).toBeLessThan(1e-6);
  expect(budgetTolerance({ norm: 'L2', eps: 0.5 }, 3072) / 0.5).toBeLessThan(1e-4);
  expect(budgetTolerance({ norm: 'L1', eps: 12 }, 3072) / 12).toBeLessThan(1e-4);
});
