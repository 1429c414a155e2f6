/** What every training defense must keep, whatever its method: called once per plug-in. */
import { expect, test } from 'vitest';
import type { TrainingBatch, TrainingDefense } from '../../defenses/defense.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { plainImages } from '../../harness/train/augment.ts';
import { Helper, Stepper } from '../../harness/train/step.ts';
import { train } from '../../harness/train/train.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { NORMS } from '../../tensor/norms.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { halves, memory, plain, trainingJob } from '../harness/train/training-data.ts';

const BATCH = 8;

function network(): Network {
  const { shape, classNames, mean, std } = halves();
  return createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
}

/** A batch of `n` images, for a full batch of 8. */
export function trainingBatch(n = BATCH): TrainingBatch {
  const { shape, train: split } = halves();
  const ids = Int32Array.from({ length: n }, (_, i) => i);
  const labels = Int32Array.from(split.labels.subarray(0, n));
  return {
    x: tf.tensor4d(plainImages(split, shape, ids), [n, ...shape]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids,
    rng: new Rng('batch'),
  };
}

export function contract(plugin: TrainingDefense, given: Record<string, unknown> = {}): void {
  const params = plugin.params.parse(given);
  const threat = { norm: 'Linf', eps: 0.1 } as const;
  const setup = () => {
    const net = network();
    const helper = plugin.helper === undefined ? undefined : new Helper(network());
    const training = plugin.create(params, { network: net, threat, rng: new Rng('defense'), batchSize: BATCH, helper });
    const stepper = new Stepper({ name: plugin.name, network: net, training, threat, recipe: recipeSchema.parse({}), helper });
    return { net, training, stepper };
  };
  const at = { epoch: 0, step: 0, progress: 0.5, learningRate: 0.01 };

  test('costs the passes that it claims', async () => {
    const { stepper } = setup();
    await stepper.step(trainingBatch(), at);
    const { forward, backward } = plugin.cost(params);
    const helper = plugin.helper === undefined ? 0 : 1;
    expect(stepper.passes).toEqual({ forward: BATCH * (forward - helper), backward: BATCH * (backward - helper) });
  });

  test('leaves no tensor behind', async () => {
    const { stepper } = setup();
    const batch = trainingBatch();
    await stepper.step(batch, at);
    const before = tf.memory().numTensors;
    await stepper.step(batch, at);
    await stepper.step(batch, at);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('moves every parameter, and takes a batch that is not full', async () => {
    const { net, training, stepper } = setup();
    const all = new Map([...net.params, ...(training.extra ?? [])]);
    const before = new Map([...all].map(([name, v]) => [name, v.dataSync().slice()]));
    const log = await stepper.step(trainingBatch(5), at);
    expect(Number.isFinite(log.loss)).toBe(true);
    expect(Object.values(log.terms).every(Number.isFinite)).toBe(true);
    const still = [...all].filter(([name, v]) => v.dataSync().every((w, i) => w === before.get(name)?.[i])).map(([name]) => name);
    expect(still).toEqual([]);
  });

  test('crafts inside the box of finite pixels', async () => {
    const { net, training } = setup();
    const spied: tf.Tensor[] = [];
    const { craft } = training;
    training.craft = async (batch, ctx) => {
      const crafted = await craft(batch, ctx);
      if (crafted.adversarial) spied.push(crafted.adversarial.clone());
      return crafted;
    };
    const stepper = new Stepper({ name: plugin.name, network: net, training, threat, recipe: recipeSchema.parse({}) });
    await stepper.step(trainingBatch(), at);
    for (const adversarial of spied) {
      expect(adversarial.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
      expect(adversarial.max().dataSync()[0]).toBeLessThanOrEqual(1);
    }
  });

  test('continues from a checkpoint bit for bit', async () => {
    const whole = memory();
    const job = () => trainingJob(plugin, { epochs: 2 * (setup().training.replays ?? 1) }, { params: given });
    const first = await train({ ...job(), checkpoint: whole });
    const again = await train({ ...job(), checkpoint: memory(whole.saved.at(-2)) });
    expect(plain(await again.network.save())).toEqual(plain(await first.network.save()));
    expect(again.cost.passes).toEqual(first.cost.passes);
  });

  test('names itself, its source and its norms', () => {
    expect(plugin.name).toMatch(/^[a-z0-9-]+$/);
    expect(plugin.title.length).toBeGreaterThan(0);
    expect(plugin.paper.length).toBeGreaterThan(0);
    expect(NORMS).toEqual(expect.arrayContaining([...(plugin.norms ?? NORMS)]));
  });
}
