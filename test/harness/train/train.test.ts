import { beforeAll, expect, test } from 'vitest';
import { engine } from '../../../engines/index.ts';
import type { Recipe } from '../../../harness/suite/recipe.ts';
import { decodeCheckpoint } from '../../../harness/train/checkpoint.ts';
import { train } from '../../../harness/train/train.ts';
import type { TrainingJob } from '../../../harness/train/training-job.ts';
import { tf } from '../../../tensor/tf.ts';
import { halves, job, memory, plain } from './training-data.ts';

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

test('a training with AdamW learns, and continued from any epoch ends bit for bit as one that was not broken off', async () => {
  const recipe = { epochs: 3, optimizer: 'adamw', learningRate: 0.01, augment: 'flip', normalize: 'none' } as const;
  const whole = memory();
  const first = await train(job('standard', recipe, { checkpoint: whole }));
  expect(first.epochs.at(-1)?.validationClean).toBe(1);
  for (const state of whole.saved) {
    const again = await train(job('standard', recipe, { checkpoint: memory(state) }));
    expect(plain(await again.network.save())).toEqual(plain(await first.network.save()));
    expect(timeless(again.epochs)).toEqual(timeless(first.epochs));
  }
  // a state of another optimizer lacks the averages of the squares
  const sgd = memory(whole.saved[0]);
  await expect(train(job('standard', { ...recipe, optimizer: 'sgd' }, { checkpoint: sgd }))).rejects.toThrow('square/');
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
  // nothing moves: epoch 0 stays the best, and two validations without a better one are epochs 1 and 2
  expect(epochs).toHaveLength(3);
  expect(flags).toContainEqual({ name: 'early-stop', detail: expect.stringContaining('after epoch 2 of 9') });
});

test('an early stop counts validations, not epochs', async () => {
  const recipe = { epochs: 9, learningRate: 1e-9, earlyStop: 2, validateEvery: 2, schedule: { kind: 'constant' } } as const;
  const { epochs } = await train(job('standard', recipe));
  // validated after epochs 1, 3 and 5
  expect(epochs).toHaveLength(6);
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

/** The job `of`, with the ids of every batch that its defense is given pushed to `seen`, and the weights that it starts from. */
function watched(of: TrainingJob) {
  const seen: { batches: number[][]; pixels: number[][]; initial: Record<string, number[]> } = { batches: [], pixels: [], initial: {} };
  const create: TrainingJob['defense']['create'] = (params, setup) => {
    const training = of.defense.create(params, setup);
    for (const [name, v] of setup.network.params) seen.initial[name] = [...v.dataSync()];
    return {
      ...training,
      async craft(batch, ctx) {
        seen.batches.push([...batch.ids]);
        seen.pixels.push([...batch.x.dataSync()]);
        return training.craft(batch, ctx);
      },
    };
  };
  return { seen, job: { ...of, defense: { ...of.defense, create } } };
}

test('two defenses at one seed start from the same weights and see the same batches', async () => {
  const recipe = { augment: 'crop-flip' } as const;
  const [a, b] = [
    watched(job('pgd-at', recipe, { params: { steps: 1 } })),
    watched(job('trades', recipe, { params: { steps: 2, beta: 3 } })),
  ];
  await train(a.job);
  await train(b.job);
  expect(a.seen).toEqual(b.seen);
  expect(a.seen.batches).toHaveLength(4);
  expect(a.seen.batches.slice(0, 2)).not.toEqual(a.seen.batches.slice(2));
});

test('what is kept and how often is validated moves no weight', async () => {
  const weightsOf = async (recipe: Partial<Recipe>) => {
    const states = memory();
    const { epochs } = await train(job('pgd-at', { epochs: 3, ...recipe }, { params: { steps: 2 }, checkpoint: states }));
    const weights = states.saved.map((state) =>
      Object.fromEntries(
        [...decodeCheckpoint(state).entries].flatMap(([name, { data }]) => (/^(param|buffer)\//.test(name) ? [[name, [...data]]] : [])),
      ),
    );
    return { weights, losses: epochs.map((e) => e.loss) };
  };
  const [best, last, rare] = [await weightsOf({ keep: 'best' }), await weightsOf({ keep: 'last' }), await weightsOf({ validateEvery: 3 })];
  expect(last).toEqual(best);
  expect(rare).toEqual(best);
  expect(best.weights).toHaveLength(3);
});

test('a crop belongs to the image and its epoch, not to the batch', async () => {
  const images = async (batchSize: number) => {
    const { seen, job: watchedJob } = watched(job('standard', { epochs: 1, augment: 'crop-flip', batchSize }));
    await train(watchedJob);
    return seen.pixels.flat();
  };
  expect(await images(8)).toEqual(await images(16));
});

test('HAT gives its helper weights and batches of its own', async () => {
  const hat = watched(job('hat', {}, { params: { steps: 1 } }));
  const states = memory();
  await train({ ...hat.job, checkpoint: states });
  const helper = decodeCheckpoint(states.saved[0] as Uint8Array).entries;
  const own = watched(job('standard'));
  const standard = memory();
  await train({ ...own.job, checkpoint: standard });
  expect(own.seen).toEqual(hat.seen);
  const plainWeights = decodeCheckpoint(standard.saved[0] as Uint8Array).entries;
  expect([...(helper.get('param/linear.weight')?.data ?? [])]).not.toEqual([...(plainWeights.get('param/linear.weight')?.data ?? [])]);
});

// cnn-small ends in a 1x1 map on images of 8x8: a batch of one image has one value per channel there
test('101 images in batches of 50 train without the last one, another in every epoch', async () => {
  const watchedJob = watched(job('standard', { epochs: 3, batchSize: 50, validation: 0 }, { dataset: halves(101) }));
  const { network, epochs, cost } = await train(watchedJob.job);
  expect(cost).toMatchObject({ optimizerSteps: 6, examples: 300, passes: { forward: 300, backward: 300 } });
  expect(epochs.map((e) => Number.isFinite(e.loss))).toEqual([true, true, true]);
  for (const values of Object.values(plain(await network.save()))) expect(values.every(Number.isFinite)).toBe(true);
  const { batches } = watchedJob.seen;
  expect(batches.map((b) => b.length)).toEqual([50, 50, 50, 50, 50, 50]);
  const left = [0, 2, 4].map((i) => {
    const used = new Set([...(batches[i] ?? []), ...(batches[i + 1] ?? [])]);
    return Array.from({ length: 101 }, (_, id) => id).filter((id) => !used.has(id));
  });
  expect(left.map((ids) => ids.length)).toEqual([1, 1, 1]);
  expect(new Set(left.flat()).size).toBeGreaterThan(1);
});

test('a last batch of one image is trained on where every normalisation sees more than one value', async () => {
  const { cost } = await train(job('standard', { epochs: 1, batchSize: 16, validation: 0 }, { dataset: halves(17), arch: 'resnet-tiny' }));
  expect(cost).toMatchObject({ optimizerSteps: 2, examples: 17 });
});
