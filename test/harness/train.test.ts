import { beforeAll, expect, test } from 'vitest';
import { train } from '../../harness/train.ts';
import { tf } from '../../tensor/tf.ts';
import { job, memory, plain } from './training-data.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const timeless = (epochs: { wallMs: number }[]) => epochs.map(({ wallMs, ...rest }) => rest);

test('standard training learns a separable problem', async () => {
  const { network, epochs, bestEpoch, cost } = await train(job('standard', { epochs: 4 }));
  expect(epochs.at(-1)?.validationClean).toBe(1);
  expect(bestEpoch).toBeDefined();
  expect(cost).toMatchObject({ optimizerSteps: 8, examples: 128, passes: { forward: 128, backward: 128 } });
  network.dispose();
});

test('the same key gives the same weights', async () => {
  const [a, b] = [await train(job('pgd-at')), await train(job('pgd-at'))];
  expect(plain(await a.network.save())).toEqual(plain(await b.network.save()));
  expect(timeless(a.epochs)).toEqual(timeless(b.epochs));
});

test('a training continued from any epoch ends bit for bit as one that was not broken off', async () => {
  const recipe = { epochs: 3, averaging: { ema: 0.9 }, augment: 'crop-flip' } as const;
  const whole = memory();
  const first = await train(job('pgd-at', recipe, { checkpoint: whole, params: { steps: 2 } }));
  expect(whole.saved).toHaveLength(3);
  for (const state of whole.saved) {
    const again = await train(job('pgd-at', recipe, { checkpoint: memory(state), params: { steps: 2 } }));
    expect(plain(await again.network.save())).toEqual(plain(await first.network.save()));
    expect(timeless(again.epochs)).toEqual(timeless(first.epochs));
    expect(again.bestEpoch).toBe(first.bestEpoch);
    expect(again.cost.passes).toEqual(first.cost.passes);
  }
});
