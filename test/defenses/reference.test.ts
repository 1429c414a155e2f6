/** TRADES, MART and MOREL against the losses, gradients and batch statistics that the authors' code computes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import defaultMart, { createMart } from '../../defenses/mart.ts';
import { createMorel, morel } from '../../defenses/morel.ts';
import { EmbeddingHead } from '../../defenses/parts/embedding.ts';
import defaultTrades, { createTrades } from '../../defenses/trades.ts';
import { engine } from '../../engines/index.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { type StepLog, Stepper } from '../../harness/train/step.ts';
import type { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenEntries, goldenJson, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';
import { testDevice } from '../torch/device.ts';

interface Reference {
  loss: number;
  grad_norm: Record<string, number>;
  [term: string]: number | Record<string, number>;
}

interface Step {
  log: StepLog;
  network: Network;
  adversarial: tf.Tensor4D;
  gradientNorms: Record<string, number>;
}

const THREAT = { norm: 'Linf', eps: 0.031 } as const;
const inner = { steps: 10, step: 0.007, beta: 6 };

const noise = () => goldenTensor('defenses-noise', 'start_noise') as tf.Tensor4D;
const trades = () => createTrades(defaultTrades.params.parse(inner) as never, THREAT, noise);
const mart = () => createMart(defaultMart.params.parse(inner) as never, THREAT, noise);

/** MOREL over `base` with the reference's head. */
function withHead(base: Training): Training {
  const head = new EmbeddingHead(64, 128, 2, new Rng('head'));
  const entries = goldenEntries('defenses');
  for (const [name, variable] of head.params) {
    const entry = entries.get(`morel_head.${name}`);
    if (!entry) throw new Error(`no ${name} in the reference head`);
    variable.assign(tf.tensor(entry.data, entry.shape));
  }
  const params = morel({ trades: defaultTrades, mart: defaultMart }).params.parse({});
  return createMorel(params as never, base, head);
}

/** One step on the 64 reference images: after one step from rest the momentum is the gradient. */
async function step(training: Training): Promise<Step> {
  const network = goldenNetwork();
  const recipe = recipeSchema.parse({ weightDecay: 0 });
  const stepper = new Stepper({ name: 'reference', network, training, threat: THREAT, recipe });
  const held: tf.Tensor[] = [];
  const { craft } = training;
  training.craft = async (batch, ctx) => {
    const crafted = await craft(batch, ctx);
    held.push((crafted.adversarial as tf.Tensor).clone());
    return crafted;
  };
  const log = await stepper.step({ ...goldenBatch(), rng: new Rng('unused') }, { epoch: 0, step: 0, progress: 0, learningRate: 0.1 });
  const gradientNorms = Object.fromEntries(
    [...stepper.optimizer.velocities].map(([name, v]) => [name, v.square().sum().sqrt().dataSync()[0] as number]),
  );
  return { log, network, adversarial: held[0] as tf.Tensor4D, gradientNorms };
}

function expectAdversarial(got: tf.Tensor4D, entry: string): void {
  const want = goldenTensor('defenses', entry);
  const near = got.slice([0, 0, 0, 0], [16, -1, -1, -1]).sub(want).abs().lessEqual(1e-4).cast('float32').mean().dataSync()[0];
  expect(near).toBeGreaterThanOrEqual(0.98);
}

function expectStatistics(network: Network, mean: string, variance: string): void {
  const at = (name: string) => network.buffers.get(name) as tf.Tensor;
  expect(largestDifference(at('enc.bn1.running_mean'), goldenTensor('defenses', mean))).toBeLessThan(1e-4);
  expect(largestDifference(at('enc.bn1.running_var'), goldenTensor('defenses', variance))).toBeLessThan(1e-4);
}

/** Names of the reference as they are here. */
const local = (name: string) => {
  if (name.startsWith('mod_encoder.')) return name.replace('mod_encoder.', 'enc.');
  if (name.startsWith('head_classifier.')) return name.replace('head_classifier.', 'linear.');
  return /^(feat_layer|pre_norm|attention)/.test(name) ? `extra.${name}` : name;
};

/** To 1 %, and to half of the sixth decimal, which is all the reference has of the smallest. */
function expectGradients(got: Record<string, number>, want: Record<string, number>): void {
  const wrong = Object.entries(want).filter(([name, norm]) => {
    const mine = got[local(name)];
    return mine === undefined || Math.abs(mine - norm) > 0.01 * norm + 5.1e-7;
  });
  expect(wrong.map(([name, norm]) => `${name}: ${got[local(name)]}, reference ${norm}`)).toEqual([]);
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).map(local).sort());
}

function expectTerms(log: StepLog, reference: Reference, names: Record<string, string>): void {
  expect(Math.abs(log.loss / reference.loss - 1)).toBeLessThan(1e-3);
  for (const [mine, theirs] of Object.entries(names))
    expect(Math.abs((log.terms[mine] as number) / (reference[theirs] as number) - 1), mine).toBeLessThan(1e-3);
}

const embedding = { accuracy: 'a_loss', robustness: 'f_loss', cosine: 'cosine', contrastive: 'contrastive' };

interface Case {
  key: string;
  create: () => Training;
  /** Our terms and the reference's. */
  terms: Record<string, string>;
  adversarial: string;
  statistics?: string;
}

const CASES: readonly Case[] = [
  {
    key: 'trades',
    create: trades,
    terms: { natural: 'first_term', robust: 'robust_term' },
    adversarial: 'trades_xadv',
    statistics: 'trades',
  },
  { key: 'mart', create: mart, terms: { boosted: 'first_term', robust: 'robust_term' }, adversarial: 'mart_xadv', statistics: 'mart' },
  {
    key: 'morel_trades',
    create: () => withHead(trades()),
    terms: { natural: 'first_term', robust: 'robust_term', ...embedding },
    adversarial: 'trades_xadv',
  },
  {
    key: 'morel_mart',
    create: () => withHead(mart()),
    terms: { boosted: 'first_term', robust: 'robust_term', ...embedding },
    adversarial: 'mart_xadv',
  },
];

const names = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...names].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable).each(CASES)('$key', ({ key, create, terms, adversarial, statistics }) => {
    const reference = (goldenJson('defenses') as Record<string, unknown>)[key] as Reference;
    let got: Step;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      got = await step(create());
    });

    test('crafts the adversarial images of the authors', () => expectAdversarial(got.adversarial, adversarial));
    test('has the authors value of every loss term', () => expectTerms(got.log, reference, terms));
    test('has the gradient norm of every parameter', () => expectGradients(got.gradientNorms, reference.grad_norm));
    test.runIf(statistics)('leaves the batch statistics of the authors', () =>
      expectStatistics(got.network, `${statistics}_bn1_mean`, `${statistics}_bn1_var`),
    );
  });
});
