/** Fast adversarial training against the losses, adversarial images, gradients and batch statistics that the authors' code computes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import { defense } from '../../defenses/index.ts';
import { engine } from '../../engines/index.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { Stepper } from '../../harness/train/step.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenJson, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';
import { testDevice } from '../torch/device.ts';
import { Recorded, recordedImages } from './recorded.ts';
import { type Step as ReferenceStep, watchedStep } from './reference.ts';

interface Reference {
  loss: number;
  grad_norm: Record<string, number>;
  [term: string]: number | Record<string, number>;
}

interface Case {
  name: string;
  params: Record<string, unknown>;
  /** Beside no weight decay, which lets the momentum after one step be the gradient. */
  recipe?: Record<string, unknown>;
  /** Odd where the authors' vector is of a step that an alternating method takes at odd steps. */
  step?: number;
  epoch?: number;
  draws: () => Float32Array[];
  /** What the method remembered. */
  state?: () => Parameters<NonNullable<Training['restore']>>[0];
  /** Our terms and the reference's. */
  terms: Record<string, string>;
}

/** What FGSM-MEP knew of the images before the step, in NHWC: corners by the first draw, small numbers by the second. */
function priors() {
  const shape = [64, 32, 32, 3];
  const delta = recordedImages(0).map((u) => Math.sign(u - 0.5) * THREAT.eps);
  const momentum = recordedImages(17).map((u) => (u - 0.5) * 1e-5);
  return { delta: { shape, data: delta }, momentum: { shape, data: momentum }, begun: { shape: [64], data: new Float32Array(64).fill(1) } };
}

const THREAT = { norm: 'Linf', eps: 8 / 255 } as const;

const CASES: readonly Case[] = [
  { name: 'gat', params: { lambda: 100 }, step: 1, draws: () => [recordedImages(0)], terms: { natural: 'clean', guide: 'guide' } },
  {
    name: 'nuat',
    params: { lambda: 4 },
    step: 1,
    epoch: 9,
    draws: () => [recordedImages(0)],
    terms: { natural: 'clean', nuclear: 'nuclear' },
  },
  {
    name: 'grad-align',
    params: { lambda: 10 },
    draws: () => [recordedImages(0)],
    terms: { adversarial: 'adversarial', misalignment: 'align' },
  },
  {
    name: 'elle',
    params: { lambda: 1e5, adaptive: false, clip: false },
    draws: () => [join(recordedImages(17), recordedImages(34)), firstOfEach(51, 1)],
    terms: { adversarial: 'adversarial', linear: 'linear' },
  },
  {
    name: 'fgsm-pgi',
    params: {},
    // 0.6 on the label and 0.4 on the nine others
    recipe: { labelSmoothing: 4 / 9 },
    epoch: 1,
    draws: () => [],
    state: priors,
    terms: { adversarial: 'adversarial', prior: 'prior' },
  },
  {
    name: 'liet',
    params: {},
    epoch: 9,
    draws: () => [
      firstOfEach(0, 10).subarray(0, 100),
      recordedImages(17),
      recordedImages(34),
      Float32Array.of(0.3),
      Float32Array.of(0.7),
      firstOfEach(17, 10),
      firstOfEach(34, 10),
    ],
    terms: { adversarial: 'adversarial', consistency: 'consistency' },
  },
];

const join = (a: Float32Array, b: Float32Array) => Float32Array.from([...a, ...b]);

/** The first `k` numbers of every image, as the script took them: in the order of the authors' layout, all of the first channel's first row. */
function firstOfEach(shift: number, k: number): Float32Array {
  const all = recordedImages(shift);
  return Float32Array.from({ length: 64 * k }, (_, i) => all[Math.floor(i / k) * 3072 + (i % k) * 3] as number);
}

interface Step extends ReferenceStep {
  training: Training;
  drawsLeft: number;
}

/** One step on the 64 reference images. */
async function step({ name, params, recipe, step = 0, epoch = 0, draws, state }: Case): Promise<Step> {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new Error(`${name} does not train`);
  const network = goldenNetwork();
  const setup = { network, threat: THREAT, rng: new Rng('unused'), batchSize: 64, images: 64, epochs: 10 };
  const training = plugin.create(plugin.params.parse(params), setup);
  const stepper = new Stepper({ name, network, training, threat: THREAT, recipe: recipeSchema.parse({ weightDecay: 0, ...recipe }) });
  if (state) training.restore?.(state());
  const rng = new Recorded(draws());
  const watched = await watchedStep(stepper, training, 64, rng, { epoch, step });
  return { ...watched, network, training, drawsLeft: rng.left };
}

/** Relative to the reference, with room for half of the last digit that float32 sums keep. */
const near = (got: number, want: number, bound: number) => Math.abs(got - want) <= bound * Math.abs(want) + 5e-7;

const names = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...names].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable).each(CASES)('$name', (one) => {
    const reference = (goldenJson('fast-defenses') as Record<string, unknown>)[one.name] as Reference;
    const entry = (what: string) => goldenTensor('fast-defenses', `${one.name.replaceAll('-', '_')}_${what}`);
    let got: Step;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      got = await step(one);
    });

    test('draws what the authors code draws', () => expect(got.drawsLeft).toBe(0));

    test('crafts the adversarial images of the authors', () => {
      const same = tf.tidy(() => got.adversarial.slice([0, 0, 0, 0], [8, -1, -1, -1]).sub(entry('xadv')).abs().lessEqual(1e-4));
      expect(same.cast('float32').mean().dataSync()[0]).toBeGreaterThanOrEqual(0.98);
    });

    test.runIf(one.state)('remembers what the authors remember', () => {
      const data = got.training.state?.().delta?.data.subarray(0, 8 * 3072) as Float32Array;
      const apart = tf.tidy(() => tf.tensor(data, [8, 32, 32, 3]).sub(entry('next')).abs().lessEqual(1e-4).cast('float32').mean());
      expect(apart.dataSync()[0]).toBeGreaterThanOrEqual(0.98);
    });

    test('has the authors value of every loss term', () => {
      expect(Math.abs(got.log.loss / reference.loss - 1)).toBeLessThan(1e-3);
      for (const [mine, theirs] of Object.entries(one.terms))
        expect(Math.abs((got.log.terms[mine] as number) / (reference[theirs] as number) - 1), mine).toBeLessThan(1e-3);
    });

    test('has the gradient norm of every parameter', () => {
      expect(Object.keys(got.gradientNorms).sort()).toEqual(Object.keys(reference.grad_norm).sort());
      const wrong = Object.entries(reference.grad_norm).filter(([key, norm]) => !near(got.gradientNorms[key] as number, norm, 0.01));
      expect(wrong.map(([key, norm]) => `${key}: ${got.gradientNorms[key]}, reference ${norm}`)).toEqual([]);
    });

    test('leaves the batch statistics of the authors', () => {
      const at = (what: string) => got.network.buffers.get(`enc.bn1.${what}`) as tf.Tensor;
      expect(largestDifference(at('running_mean'), entry('bn1_mean'))).toBeLessThan(1e-4);
      expect(largestDifference(at('running_var'), entry('bn1_var'))).toBeLessThan(1e-4);
    });
  });
});
