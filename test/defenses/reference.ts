/** One training step as the authors' code took it, and how near ours comes: loss terms, gradient norms, adversarial images, batch statistics. */
import { expect } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import type { EmbeddingHead } from '../../defenses/parts/embedding.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { type StepLog, Stepper } from '../../harness/train/step.ts';
import type { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenEntries, goldenTensor, largestDifference } from '../golden.ts';

export interface Reference {
  loss: number;
  grad_norm: Record<string, number>;
  [term: string]: number | Record<string, number>;
}

export interface Step {
  log: StepLog;
  network: Network;
  adversarial: tf.Tensor4D;
  gradientNorms: Record<string, number>;
}

export const THREAT = { norm: 'Linf', eps: 0.031 } as const;
export const INNER = { steps: 10, step: 0.007, beta: 6 };

/** The start noise of the first `n` images. */
export const startNoise =
  (n = 64) =>
  (): tf.Tensor4D =>
    tf.tidy(() => goldenTensor('defenses-noise', 'start_noise').slice([0, 0, 0, 0], [n, -1, -1, -1])) as tf.Tensor4D;

/** Puts the reference's values into `head`. */
export function loadHead(head: EmbeddingHead): EmbeddingHead {
  const entries = goldenEntries('defenses');
  for (const [name, variable] of head.params) {
    const entry = entries.get(`morel_head.${name}`);
    if (!entry) throw new Error(`no ${name} in the reference head`);
    variable.assign(tf.tensor(entry.data, entry.shape));
  }
  return head;
}

/** One step on the first `n` reference images in `epoch`, from 0: after one step from rest the momentum is the gradient. */
export async function stepOf(training: Training, network: Network, { n = 64, epoch = 0 } = {}): Promise<Step> {
  const recipe = recipeSchema.parse({ weightDecay: 0 });
  const stepper = new Stepper({ name: 'reference', network, training, threat: THREAT, recipe });
  const step = await watchedStep(stepper, training, n, new Rng('unused'), { epoch });
  return { ...step, network };
}

/** A step of `stepper`, which is at rest, on the first `n` reference images: what was crafted, and the gradients as its momentum has them. */
export async function watchedStep(
  stepper: Stepper,
  training: Training,
  n: number,
  rng: Rng,
  { epoch = 0, step = 0 },
): Promise<Omit<Step, 'network'>> {
  const held: tf.Tensor[] = [];
  const { craft } = training;
  training.craft = async (batch, ctx) => {
    const crafted = await craft(batch, ctx);
    held.push((crafted.adversarial as tf.Tensor).clone());
    return crafted;
  };
  const log = await stepper.step({ ...goldenBatch(n), rng }, { epoch, step, progress: 0, learningRate: 0.1 });
  const gradientNorms = Object.fromEntries(
    [...stepper.optimizer.velocities].map(([name, v]) => [name, v.square().sum().sqrt().dataSync()[0] as number]),
  );
  return { log, adversarial: held[0] as tf.Tensor4D, gradientNorms };
}

/** 98 % of pixels to 1e-4, on the images that the vectors hold. */
export function expectAdversarial(got: tf.Tensor4D, file: string, entry: string): void {
  const want = goldenTensor(file, entry);
  const off = got.slice([0, 0, 0, 0], [want.shape[0], -1, -1, -1]).sub(want).abs();
  expect(off.lessEqual(1e-4).cast('float32').mean().dataSync()[0]).toBeGreaterThanOrEqual(0.98);
}

/** To 1e-4. */
export function expectStatistics(network: Network, file: string, mean: string, variance: string): void {
  const at = (name: string) => network.buffers.get(name) as tf.Tensor;
  expect(largestDifference(at('enc.bn1.running_mean'), goldenTensor(file, mean))).toBeLessThan(1e-4);
  expect(largestDifference(at('enc.bn1.running_var'), goldenTensor(file, variance))).toBeLessThan(1e-4);
}

/** To 1 %, and to `least`, which is rounding. `local` gives the names of the reference as they are here. */
export function expectGradients(
  got: Record<string, number>,
  want: Record<string, number>,
  local: (name: string) => string,
  least: number,
): void {
  const wrong = Object.entries(want).filter(([name, norm]) => {
    const mine = got[local(name)];
    return mine === undefined || Math.abs(mine - norm) > 0.01 * norm + least;
  });
  expect(wrong.map(([name, norm]) => `${name}: ${got[local(name)]}, reference ${norm}`)).toEqual([]);
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).map(local).sort());
}

/** To 1e-3; `names` are our terms and the reference's. */
export function expectTerms(log: StepLog, reference: Reference, names: Record<string, string>): void {
  expect(Math.abs(log.loss / reference.loss - 1)).toBeLessThan(1e-3);
  for (const [mine, theirs] of Object.entries(names))
    expect(Math.abs((log.terms[mine] as number) / (reference[theirs] as number) - 1), mine).toBeLessThan(1e-3);
}

/** Names of resnet-tiny in the reference, with and without MOREL's head, as they are here. */
export const resnetNames = (name: string): string => {
  if (name.startsWith('mod_encoder.')) return name.replace('mod_encoder.', 'enc.');
  if (name.startsWith('head_classifier.')) return name.replace('head_classifier.', 'linear.');
  return /^(feat_layer|pre_norm|attention)/.test(name) ? `extra.${name}` : name;
};

export const EMBEDDING_TERMS = { accuracy: 'a_loss', robustness: 'f_loss', cosine: 'cosine', contrastive: 'contrastive' };
