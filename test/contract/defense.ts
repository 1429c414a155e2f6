/** What every training defense must keep, whatever its method: called once per plug-in. */
import { expect, test } from 'vitest';
import type { Threat } from '../../attacks/attack.ts';
import { unitFloats } from '../../datasets/split.ts';
import type { TrainingBatch, TrainingContext, TrainingDefense } from '../../defenses/defense.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { Helper, Stepper } from '../../harness/train/step.ts';
import { train } from '../../harness/train/train.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { NORMS, type NormName, norm as normNamed } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { halves, halvesImages, memory, plain, trainingJob } from '../harness/train/training-data.ts';

const BATCH = 8;
/** A twentieth of the way from corner to corner of the box, for images of 192 values: 0.05 in Linf, 0.7 in L2, 9.6 in L1. */
const epsIn = (norm: NormName) => 0.05 * normNamed(norm).ofOnes(192);

function network(): Network {
  const { shape, classNames, mean, std } = halves();
  return createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
}

/** A batch of `n` images, for a full batch of 8. */
export function trainingBatch(n = BATCH): TrainingBatch {
  const { shape } = halves();
  const { images, labels: all } = halvesImages();
  const labels = all.slice(0, n);
  const ids = Int32Array.from({ length: n }, (_, i) => i);
  return {
    x: tf.tensor4d(unitFloats(images.subarray(0, n * shape[0] * shape[1] * shape[2])), [n, ...shape]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids,
    rng: new Rng('batch'),
  };
}

/** `batch` with its bright pixels white and half of its dark ones black: whatever moves them outwards must be brought back. */
export function onTheWalls(batch: TrainingBatch): TrainingBatch {
  const x = tf.tidy(() => tf.where(batch.x.greater(0.5), 1, tf.where(batch.x.less(1 / 3), 0, batch.x)) as tf.Tensor4D);
  return { ...batch, x };
}

/** `ctx` with some of its members replaced; getters stay lazy. */
const spread = (ctx: TrainingContext, changed: Partial<TrainingContext>): TrainingContext =>
  Object.defineProperties(Object.create(ctx), Object.getOwnPropertyDescriptors(changed));

/**
 * `reach`: how far from the image, in radii, the points are at most whose loss is taken; 0 for a method that trains on the images.
 * `beside`: images that the first step passes forward and back beside its batch.
 */
export function contract(
  plugin: TrainingDefense,
  given: Record<string, unknown> = {},
  { reach = 1, beside = 0 }: { reach?: number | undefined; beside?: number | undefined } = {},
): void {
  const params = plugin.params.parse(given);
  const norms = plugin.normsWith?.(params) ?? plugin.norms ?? NORMS;
  const setup = (threat: Threat = { norm: 'Linf', eps: epsIn('Linf') }) => {
    const net = network();
    const helper = plugin.helper === undefined ? undefined : new Helper(network());
    const training = plugin.create(params, {
      network: net,
      threat,
      rng: new Rng('defense'),
      batchSize: BATCH,
      images: BATCH,
      epochs: 2,
      helper,
    });
    const stepper = new Stepper({ name: plugin.name, network: net, training, threat, recipe: recipeSchema.parse({}), helper });
    return { net, training, stepper };
  };
  const at = { epoch: 0, step: 0, progress: 0.5, learningRate: 0.01 };

  test('costs the passes that it claims', async () => {
    const { stepper } = setup();
    await stepper.step(trainingBatch(), at);
    const { forward, backward } = plugin.cost(params);
    const helper = plugin.helper === undefined ? 0 : 1;
    expect(stepper.passes).toEqual({ forward: BATCH * (forward - helper) + beside, backward: BATCH * (backward - helper) + beside });
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

  test.each(norms)('in %s it trains on points inside the box and the budget', async (norm) => {
    const within = { norm, eps: epsIn(norm) };
    const { training, stepper } = setup(within);
    const batch = onTheWalls(trainingBatch());
    const trained: tf.Tensor4D[] = [];
    const { objective } = training;
    training.objective = (images, crafted, ctx) => {
      const asked = new Map<tf.Tensor, tf.Tensor4D>();
      const forward = (x: tf.Tensor4D) => {
        const out = ctx.forward(x);
        asked.set(out.logits, x);
        return out;
      };
      const found = objective(images, crafted, spread(ctx, { forward }));
      trained.push(tf.keep((asked.get(found.logits) as tf.Tensor4D).clone()));
      return found;
    };
    // the second step of a method that starts from a perturbation of zeros is its first one that moves
    await stepper.step(batch, at);
    await stepper.step(batch, at);
    expect(trained.length).toBeGreaterThanOrEqual(2);
    for (const points of trained) {
      expect(points.shape).toEqual(batch.x.shape);
      expect(points.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
      expect(points.max().dataSync()[0]).toBeLessThanOrEqual(1);
      const sizes = normNamed(norm).size(points.sub(batch.x));
      expect(sizes.max().dataSync()[0]).toBeLessThanOrEqual(reach * within.eps * (1 + 1e-5));
    }
    const moved = normNamed(norm).size((trained.at(-1) as tf.Tensor4D).sub(batch.x));
    if (reach === 0) expect(moved.max().dataSync()[0]).toBe(0);
    else expect(moved.min().dataSync()[0]).toBeGreaterThan(0.2 * within.eps);
  });

  test('continues from a checkpoint bit for bit', async () => {
    const whole = memory();
    const job = () => trainingJob(plugin, { epochs: 2 * (setup().training.replays ?? 1) }, { params: given });
    const first = await train({ ...job(), checkpoint: whole });
    const again = await train({ ...job(), checkpoint: memory(whole.saved.at(-2)) });
    expect(plain(await again.network.save())).toEqual(plain(await first.network.save()));
    expect(again.cost.passes).toEqual(first.cost.passes);
  });

  test('names itself and its source', () => {
    expect(plugin.name).toMatch(/^[a-z0-9-]+$/);
    expect(plugin.title.length).toBeGreaterThan(0);
    expect(plugin.paper.length).toBeGreaterThan(0);
  });

  test('names norms that there are, each once', () => {
    for (const named of [norms, plugin.norms ?? NORMS]) {
      expect(named.length).toBeGreaterThan(0);
      expect(NORMS.filter((norm) => named.includes(norm))).toHaveLength(named.length);
    }
  });

  test('refuses unknown parameters', () => {
    expect(plugin.params.safeParse(given).success).toBe(true);
    expect(plugin.params.safeParse({ ...given, stepz: 3 }).success).toBe(false);
  });
}
