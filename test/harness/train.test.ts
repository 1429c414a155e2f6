import { beforeAll, expect, test } from 'vitest';
import type { TrainingBatch } from '../../defenses/defense.ts';
import { defense } from '../../defenses/index.ts';
import { plainImages } from '../../harness/augment.ts';
import { recipeSchema } from '../../harness/recipe.ts';
import { Stepper } from '../../harness/step.ts';
import { train } from '../../harness/train.ts';
import { createNetwork } from '../../models/index.ts';
import type { Entry } from '../../models/safetensors.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { halves, job } from './training-data.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const plain = (entries: Map<string, Entry>) => Object.fromEntries([...entries].map(([k, e]) => [k, [...e.data]]));
const timeless = (epochs: { wallMs: number }[]) => epochs.map(({ wallMs, ...rest }) => rest);

/** Keeps every checkpoint that a training saved. */
function memory(at?: Uint8Array) {
  const saved: Uint8Array[] = [];
  return {
    saved,
    load: async () => at,
    save: async (state: Uint8Array) => {
      saved.push(state);
    },
  };
}

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

test.each(['standard', 'pgd-at', 'trades', 'fgsm-rs'])(
  'a step of %s leaves no tensor behind and costs the passes it claims',
  async (name) => {
    const { shape, classNames, mean, std, train: split } = halves();
    const network = createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
    const plugin = defense(name);
    if (plugin.kind !== 'training') throw new Error('not a training defense');
    const params = plugin.params.parse({});
    const threat = { norm: 'Linf', eps: 0.1 } as const;
    const training = plugin.create(params, { network, threat, rng: new Rng('defense') });
    const stepper = new Stepper({ name, network, training, threat, recipe: recipeSchema.parse({}) });
    const ids = Int32Array.from({ length: 8 }, (_, i) => i);
    const labels = Int32Array.from(split.labels.subarray(0, 8));
    const batch: TrainingBatch = {
      x: tf.tensor4d(plainImages(split, shape, ids), [8, ...shape]),
      y: tf.tensor1d(labels, 'int32'),
      labels,
      ids,
      rng: new Rng('batch'),
    };
    const step = () => stepper.step(batch, { epoch: 0, step: 0, progress: 0, learningRate: 0.01 });
    await step();
    const { forward, backward } = plugin.cost(params);
    expect(stepper.passes).toEqual({ forward: 8 * forward, backward: 8 * backward });
    const before = tf.memory().numTensors;
    await step();
    await step();
    expect(tf.memory().numTensors).toBe(before);
  },
);
