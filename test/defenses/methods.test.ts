/** What each method does beyond the contract: budgets, hand-worked losses, and the moves of AWP and Free AT. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Target, Threat } from '../../attacks/attack.ts';
import type { Training, TrainingBatch, TrainingSetup } from '../../defenses/defense.ts';
import { defense } from '../../defenses/index.ts';
import { cosineLoss, EmbeddingHead, multiPositiveContrastive, sameLabel } from '../../defenses/parts/embedding.ts';
import { tradesL2 } from '../../defenses/parts/trades-l2.ts';
import { engine } from '../../engines/index.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { Helper, Stepper } from '../../harness/train/step.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { klDivergence } from '../../tensor/fused.ts';
import { type NormName, norm } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { onTheWalls, trainingBatch } from '../contract/defense.ts';
import { largestDifference } from '../golden.ts';
import { halves } from '../harness/train/training-data.ts';

const EPS = 0.05;

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

const network = (): Network => {
  const { shape, classNames, mean, std } = halves();
  return createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
};

interface Prepared {
  net: Network;
  training: Training;
  stepper: Stepper;
  adversarial: tf.Tensor4D[];
}

/** A stepper of defense `name` that keeps what is crafted. */
function prepare(
  name: string,
  given: Record<string, unknown> = {},
  threat: Threat = { norm: 'Linf', eps: EPS },
  helping?: TrainingSetup['helper'],
): Prepared {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new Error(`${name} does not train`);
  const net = network();
  const helper = plugin.helper === undefined ? undefined : new Helper(network());
  const setup = { network: net, threat, rng: new Rng('defense'), batchSize: 8, images: 8, epochs: 1, helper: helping ?? helper };
  const training = plugin.create(plugin.params.parse(given), setup);
  const adversarial: tf.Tensor4D[] = [];
  const { craft } = training;
  training.craft = async (batch, ctx) => {
    const crafted = await craft(batch, ctx);
    if (crafted.adversarial) adversarial.push(crafted.adversarial.clone() as tf.Tensor4D);
    return crafted;
  };
  const stepper = new Stepper({ name, network: net, training, threat, recipe: recipeSchema.parse({ weightDecay: 0 }), helper });
  return { net, training, stepper, adversarial };
}

const step = (stepper: Stepper, learningRate = 0.01) => stepper.step(trainingBatch(), { epoch: 0, step: 0, progress: 0.5, learningRate });

/** Largest norm of a perturbation, relative to eps. */
async function reach(name: string, ball: NormName, eps: number): Promise<number> {
  const { stepper, adversarial } = prepare(name, {}, { norm: ball, eps });
  await step(stepper);
  const delta = (adversarial[0] as tf.Tensor4D).sub(trainingBatch().x) as tf.Tensor4D;
  return (norm(ball).size(delta).max().dataSync()[0] as number) / eps;
}

describe('the training attack stays in its budget and uses it', () => {
  test.each(['pgd-at', 'trades', 'mart', 'morel', 'hat', 'fgsm-rs'])('%s, Linf', async (name) => {
    const used = await reach(name, 'Linf', EPS);
    expect(used).toBeLessThanOrEqual(1 + 1e-5);
    expect(used).toBeGreaterThan(0.9);
  });

  test.each(['pgd-at', 'trades', 'hat'])('%s, L2', async (name) => {
    const used = await reach(name, 'L2', 0.5);
    expect(used).toBeLessThanOrEqual(1 + 1e-5);
    expect(used).toBeGreaterThan(0.9);
  });

  test('n-fgsm leaves the budget, as its authors want, by its noise', async () => {
    const used = await reach('n-fgsm', 'Linf', EPS);
    expect(used).toBeGreaterThan(2);
    expect(used).toBeLessThanOrEqual(3 + 1e-5);
  });
});

/** Where the gradient was first asked for while `name` crafted on images at the walls of the box. */
async function firstPoint(name: string, batch: TrainingBatch): Promise<tf.Tensor4D> {
  const { training, stepper } = prepare(name);
  const asked: tf.Tensor4D[] = [];
  const noting = <T extends Pick<Target, 'gradient'>>(target: T): T => ({
    ...target,
    gradient(...[x, ...rest]: Parameters<Target['gradient']>) {
      asked.push(tf.keep(x.clone()));
      return target.gradient(x, ...rest);
    },
  });
  const { craft } = training;
  training.craft = (images, ctx) =>
    craft(images, Object.create(ctx, { target: { get: () => noting(ctx.target) }, trainingTarget: { value: noting(ctx.trainingTarget) } }));
  await stepper.step(batch, { epoch: 0, step: 0, progress: 0.5, learningRate: 0.01 });
  return asked[0] as tf.Tensor4D;
}

test.each([
  ['pgd-at', 1],
  ['fgsm-rs', 1],
  ['n-fgsm', 2],
])('%s starts at random points of a ball of %s radii, cut to the box', async (name, radii) => {
  const batch = onTheWalls(trainingBatch());
  const start = await firstPoint(name, batch);
  expect([start.min().dataSync()[0], start.max().dataSync()[0]]).toEqual([0, 1]);
  const free = tf.tidy(() => batch.x.greater(0).logicalAnd(batch.x.less(1)).dataSync());
  const moves = [...start.sub(batch.x).dataSync()].filter((_, i) => free[i]);
  // uniform: the mean size is half the radius, to four standard errors
  const size = moves.reduce((sum, v) => sum + Math.abs(v), 0) / moves.length / (radii * EPS);
  expect(Math.abs(size - 0.5)).toBeLessThan(4 / Math.sqrt(12 * moves.length));
  expect(Math.max(...moves.map(Math.abs))).toBeLessThanOrEqual(radii * EPS * (1 + 1e-5));
});

describe('the L2 step of TRADES', () => {
  const image = (v: number) => tf.tensor4d([v, v], [1, 1, 2, 1]);
  const stepped = (grad: number[], x: tf.Tensor4D, origin: tf.Tensor4D, rng = new Rng('unused')) => [
    ...tradesL2(rng, { eps: 0.5, step: 1 })({ x, grad: tf.tensor4d(grad, [1, 1, 2, 1]), origin }).x.dataSync(),
  ];
  test('goes its length along the gradient, then back to the sphere', () => {
    const [a = 0, b = 0] = stepped([30, 40], image(0.1), image(0.1));
    // by hand: (0.6, 0.8) from 0.1 is (0.7, 0.9), at distance 1 of the image
    expect(a).toBeCloseTo(0.1 + 0.3, 6);
    expect(b).toBeCloseTo(0.1 + 0.4, 6);
  });
  test('is cut to the box before it is brought to the ball', () => {
    const [a = 0, b = 0] = stepped([30, 40], image(0.6), image(0.5));
    // by hand: (1.2, 1.4) is cut to (1, 1), whose distance from the image is 0.5 in each: a diagonal of the ball
    expect(a).toBeCloseTo(0.5 + Math.SQRT1_2 / 2, 6);
    expect(b).toBeCloseTo(0.5 + Math.SQRT1_2 / 2, 6);
  });
  test('goes along the noise, of whatever length, where the gradient is zero', () => {
    const rng = new Rng('random');
    const [u = 0, v = 0] = rng.normal(2);
    const x = image(0.5);
    const [a = 0, b = 0] = stepped([0, 0], x, x, new Rng('random'));
    const cut = [u, v].map((g) => Math.min(Math.max(0.5 + g, 0), 1) - 0.5);
    const scale = Math.min(0.5 / Math.hypot(...cut), 1);
    expect(a).toBeCloseTo(0.5 + (cut[0] as number) * scale, 6);
    expect(b).toBeCloseTo(0.5 + (cut[1] as number) * scale, 6);
  });
});

/** A helper whose answer turns with the least change of an image: by the parity of its grey levels' sum in thousandths. */
const fickle: NonNullable<TrainingSetup['helper']> = {
  logits: (x) =>
    tf.tidy(() => {
      const odd = x.mul(1000).round().sum([1, 2, 3]).mod(2);
      return tf.stack([odd, tf.sub(1, odd)], 1) as tf.Tensor2D;
    }),
};

test("HAT's helper point lies h perturbations beyond the image, not in the box, with the helper's label of the adversarial one", async () => {
  const { training, stepper } = prepare('hat', { h: 3, steps: 8 }, undefined, fickle);
  const batch = trainingBatch();
  const found: Record<string, number[]> = {};
  const { objective } = training;
  training.objective = (b, crafted, ctx) => {
    for (const name of ['adversarial', 'beyond', 'label'] as const) found[name] = [...(crafted[name] as tf.Tensor).dataSync()];
    const forward = (x: tf.Tensor4D) => {
      found[`asked ${Object.keys(found).length - 3}`] = [...x.dataSync()];
      return ctx.forward(x);
    };
    return objective(b, crafted, Object.create(ctx, { forward: { value: forward } }));
  };
  await stepper.step(batch, { epoch: 0, step: 0, progress: 0.5, learningRate: 0.01 });
  const x = [...batch.x.dataSync()];
  const { adversarial = [], beyond = [], label } = found;
  const off = beyond.map((v, i) => Math.abs(v - ((x[i] as number) + 3 * ((adversarial[i] as number) - (x[i] as number)))));
  expect(Math.max(...off)).toBeLessThan(1e-6);
  expect(Math.max(...beyond.map((v, i) => Math.abs(v - (x[i] as number))))).toBeGreaterThan(2.9 * EPS);
  expect([found['asked 0'], found['asked 1'], found['asked 2']]).toEqual([x, adversarial, beyond]);
  const labelsOf = (values: number[]) => [...(fickle.logits(tf.tensor4d(values, batch.x.shape)).argMax(1).dataSync() as Int32Array)];
  expect(label).toEqual(labelsOf(adversarial));
  expect(label).not.toEqual(labelsOf(x));
});

describe('Free AT', () => {
  test('moves its perturbation by eps along the sign of the gradient, clips it, and keeps it for the next batch', async () => {
    const { stepper, training } = prepare('free-at');
    const delta = training.watched?.get('delta') as tf.Variable;
    await step(stepper);
    const first = delta.dataSync().slice();
    expect([...first].every((v) => v === 0 || Math.abs(Math.abs(v) - EPS) < 1e-7)).toBe(true);
    expect(first.some((v) => v > 0) && first.some((v) => v < 0)).toBe(true);
    await step(stepper);
    const second = delta.dataSync();
    expect(Math.max(...second.map(Math.abs))).toBeLessThanOrEqual(EPS + 1e-7);
    // eps up from -eps is 0: the second step starts where the first one ended
    expect(second.every((v, i) => v === first[i] || v === 0 || first[i] === 0)).toBe(true);
  });
});

describe('AWP', () => {
  test('moves each layer by gamma of its norm along its gradient, and back', async () => {
    const gamma = 0.02;
    const { stepper, training, net } = prepare('awp', { base: 'standard', gamma });
    const weights = [...net.params].filter(([, v]) => v.rank > 1);
    const before = weights.map(([, v]) => v.clone());
    const moved: tf.Tensor[] = [];
    const { objective } = training;
    training.objective = (batch, crafted, ctx) => {
      if (moved.length < weights.length) moved.push(...weights.map(([, v]) => tf.keep(v.clone())));
      return objective(batch, crafted, ctx);
    };
    await step(stepper, 0);
    const plain = prepare('standard');
    await step(plain.stepper, 0);
    weights.forEach(([name, v], i) => {
      const [from, to] = [before[i] as tf.Tensor, moved[i] as tf.Tensor];
      expect((to.sub(from).norm().dataSync()[0] as number) / (from.norm().dataSync()[0] as number)).toBeCloseTo(gamma, 4);
      const gradient = plain.stepper.optimizer.velocities.get(name) as tf.Tensor;
      const cosine = to.sub(from).mul(gradient).sum().div(to.sub(from).norm().mul(gradient.norm())).dataSync()[0];
      expect(cosine).toBeCloseTo(1, 4);
      expect(largestDifference(v, from)).toBeLessThan(1e-6);
    });
  });

  test('leaves batch normalisation and biases where they are, and batch statistics moved once', async () => {
    const awp = prepare('awp', { base: 'standard', gamma: 1e-9 });
    const plain = prepare('standard');
    await step(awp.stepper, 0);
    await step(plain.stepper, 0);
    for (const [name, buffer] of plain.net.buffers)
      expect(largestDifference(buffer, awp.net.buffers.get(name) as tf.Tensor), name).toBeLessThan(1e-6);
  });

  test('refuses parameters that its base does not have', () => {
    const { error } = defense('awp').params.safeParse({ base: 'trades', params: { betta: 1 } });
    expect(error?.issues[0]).toMatchObject({ path: ['params'], message: expect.stringContaining('betta') });
  });
});

describe('the embedding terms of MOREL', () => {
  const labels = tf.tensor1d([0, 0, 1, 1], 'int32');

  test('contrast: a pair on each of two axes costs log(1 + 2 exp(-1 / temperature))', () => {
    const rows = tf.tensor2d([
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
    const want = Math.log(1 + 2 * Math.exp(-1 / 0.5));
    expect(multiPositiveContrastive(rows, sameLabel(labels), 0.5).dataSync()[0]).toBeCloseTo(want, 5);
  });

  test('contrast: nothing where no class has two examples', () => {
    const alone = sameLabel(tf.tensor1d([0, 1, 2], 'int32'));
    expect(Math.abs(multiPositiveContrastive(tf.eye(3), alone, 0.1).dataSync()[0] as number)).toBe(0);
  });

  test('cosine: 0 for the same direction, 1 for right angles', () => {
    const a = tf.tensor2d([
      [2, 0],
      [0, 1],
    ]);
    expect(cosineLoss(a, a.mul(3)).dataSync()[0]).toBeCloseTo(0, 6);
    expect(cosineLoss(a, a.reverse(1) as tf.Tensor2D).dataSync()[0]).toBeCloseTo(1, 6);
  });

  test('attention: an example does not see other classes', () => {
    const head = new EmbeddingHead(6, 8, 2, new Rng('head'));
    const embeddings = tf.tensor2d(new Rng('e').normal(32), [4, 8]);
    const changed = tf.concat([embeddings.slice([0, 0], [2, 8]), embeddings.slice([2, 0], [2, 8]).mul(-3)], 0);
    const of = (e: tf.Tensor) => head.attend(e as tf.Tensor2D, sameLabel(labels)).slice([0, 0], [2, 8]);
    expect(largestDifference(of(embeddings), of(changed))).toBeLessThan(1e-6);
    const unmixed = tf.concat([embeddings.slice([0, 0], [1, 8]), embeddings.slice([1, 0], [3, 8]).mul(-3)], 0);
    expect(largestDifference(of(embeddings).slice([0, 0], [1, 8]), of(unmixed).slice([0, 0], [1, 8]))).toBeGreaterThan(1e-3);
  });
});

test('KL of two coins is the textbook sum', () => {
  const logit = (p: number) => Math.log(p / (1 - p));
  const [p, q] = [0.8, 0.5];
  const want = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  expect(klDivergence(tf.tensor2d([[logit(p), 0]]), tf.tensor2d([[logit(q), 0]])).dataSync()[0]).toBeCloseTo(want, 6);
});
