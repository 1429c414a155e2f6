import { beforeAll, expect, test } from 'vitest';
import { engine } from '../../../engines/index.ts';
import { decodeCheckpoint } from '../../../harness/train/checkpoint.ts';
import { train } from '../../../harness/train/train.ts';
import { tf } from '../../../tensor/tf.ts';
import { job, memory, plain } from './training-data.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
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

test('nothing is left behind but the network', async () => {
  const before = tf.memory().numTensors;
  const { network } = await train(job('morel', { epochs: 1, averaging: { ema: 0.9 } }, { params: { steps: 1 } }));
  network.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('the kept weights are those of the best epoch', async () => {
  const whole = memory();
  const { network, bestEpoch, epochs } = await train(job('standard', { epochs: 3, learningRate: 0.2 }, { checkpoint: whole }));
  const best = Math.max(...epochs.map((e) => e.validationClean ?? 0));
  expect(epochs[bestEpoch as number]?.validationClean).toBe(best);
  const kept = decodeCheckpoint(whole.saved[bestEpoch as number] as Uint8Array).entries;
  for (const [name, { data }] of await network.save()) expect([...data]).toEqual([...(kept.get(`best/${name}`)?.data ?? [])]);
});

test('an early stop ends the training and says so', async () => {
  const { epochs, flags } = await train(job('standard', { epochs: 9, learningRate: 1e-9, earlyStop: 2, schedule: { kind: 'constant' } }));
  expect(epochs.length).toBeLessThan(9);
  expect(flags).toContainEqual({ name: 'early-stop', detail: expect.stringContaining(`after epoch ${epochs.length - 1} of 9`) });
});

test('the validation split is the end of the training set and is never trained on', async () => {
  const seen = new Set<number>();
  const standard = job('standard', { epochs: 2 });
  const create: typeof standard.defense.create = (params, setup) => {
    const training = standard.defense.create(params, setup);
    return {
      ...training,
      async craft(batch, ctx) {
        for (const id of batch.ids) seen.add(id);
        return training.craft(batch, ctx);
      },
    };
  };
  await train({ ...standard, defense: { ...standard.defense, create } });
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, i) => i));
});

test('Free AT visits the data as often as its replays leave', async () => {
  const { epochs, cost } = await train(job('free-at', { epochs: 4 }, { params: { replays: 2 } }));
  expect(epochs).toHaveLength(2);
  expect(cost).toMatchObject({ optimizerSteps: 8, examples: 128, passes: { forward: 128, backward: 128 } });
});

test('HAT trains its helper first, and its cost counts', async () => {
  const seen: [number, number][] = [];
  const hat = job('hat', {}, { params: { steps: 1 }, onProgress: ({ epoch, epochs }) => seen.push([epoch, epochs]) });
  const { cost, epochs } = await train(hat);
  expect(epochs).toHaveLength(2);
  expect(new Set(seen.map(([epoch]) => epoch))).toEqual(new Set([0, 1, 2, 3]));
  expect(new Set(seen.map(([, total]) => total))).toEqual(new Set([4]));
  // 2 epochs of 32 images: helper 1 and 1; HAT 1 + 1 + 1 + 3 forward and 1 + 3 backward
  expect(cost.passes).toEqual({ forward: 64 * 7, backward: 64 * 5 });
});

test('HAT continues from a checkpoint of its helper and from one of its own', async () => {
  const whole = memory();
  const params = { steps: 1 };
  const first = await train(job('hat', {}, { params, checkpoint: whole }));
  expect(whole.saved).toHaveLength(4);
  for (const state of whole.saved) {
    const again = await train(job('hat', {}, { params, checkpoint: memory(state) }));
    expect(plain(await again.network.save())).toEqual(plain(await first.network.save()));
    expect(again.cost.passes).toEqual(first.cost.passes);
  }
});
