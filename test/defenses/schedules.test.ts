/** How the weights of fast methods change over a training, and how often LIET looks at its classes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrainingDefense } from '../../defenses/defense.ts';
import { defense } from '../../defenses/index.ts';
import { engine } from '../../engines/index.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { type StepLog, Stepper } from '../../harness/train/step.ts';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { trainingBatch } from '../contract/defense.ts';
import { halves } from '../harness/train/training-data.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

/** Steps of `name` in a training of ten epochs, on eight images. */
function stepping(name: string, given: Record<string, unknown> = {}) {
  const { shape, classNames, mean, std } = halves();
  const network = createNetwork('cnn-small', { inputShape: shape, classes: classNames.length, mean, std }, new Rng('init'));
  const plugin = defense(name) as TrainingDefense;
  const threat = { norm: 'Linf', eps: 0.05 } as const;
  const setup = { network, threat, rng: new Rng('defense'), batchSize: 8, images: 8, epochs: 10 };
  const training = plugin.create(plugin.params.parse(given), setup);
  const stepper = new Stepper({ name, network, training, threat, recipe: recipeSchema.parse({}) });
  const at = (epoch: number, step = 0): Promise<StepLog> => stepper.step(trainingBatch(), { epoch, step, progress: 0, learningRate: 0.01 });
  return { stepper, at };
}

/** What the term `name` weighs in the loss beside the term `rest`. */
const weight = ({ loss, terms }: StepLog, name: string, rest: string) => (loss - (terms[rest] as number)) / (terms[name] as number);

describe('the weight', () => {
  test.each([
    [0, 10],
    [8, 10],
    [9, 40],
  ])("of GAT's tie in epoch %s of ten is %s: it rises at 86 %%", async (epoch, want) => {
    expect(weight(await stepping('gat').at(epoch), 'guide', 'natural')).toBeCloseTo(want, 1);
  });
  test.each([
    [0, 0],
    [3, 1.5],
    [9, 4.5],
  ])("of NuAT's norm in epoch %s of ten is %s: it grows over nine", async (epoch, want) => {
    expect(weight(await stepping('nuat').at(epoch), 'nuclear', 'natural')).toBeCloseTo(want, 2);
  });
  test.each([
    [0, 10],
    [9, 100],
  ])("of LIET's divergence in epoch %s of ten is %s", async (epoch, want) => {
    expect(weight(await stepping('liet').at(epoch), 'consistency', 'adversarial')).toBeCloseTo(want, 0);
  });
});

test('GAT climbs the tie at odd steps alone', async () => {
  const [even, odd] = [await stepping('gat', { lambda: 1e4 }).at(0, 0), await stepping('gat', { lambda: 1e4 }).at(0, 1)];
  const plain = await stepping('gat', { lambda: 0 }).at(0, 1);
  // the same start: what differs is where the step leads
  expect(even.terms.guide).toBeCloseTo(plain.terms.guide as number, 6);
  expect(odd.terms.guide).toBeGreaterThan(even.terms.guide as number);
});

test('LIET looks at its two classes at the first step of an epoch and at every second one after it', async () => {
  const { stepper, at } = stepping('liet', { every: 2 });
  const extra: number[] = [];
  for (const epoch of [0, 0, 0, 1, 1]) {
    const before = stepper.passes.backward;
    await at(epoch);
    extra.push(stepper.passes.backward - before - 3 * 8);
  }
  expect(extra).toEqual([2, 0, 2, 2, 0]);
});
