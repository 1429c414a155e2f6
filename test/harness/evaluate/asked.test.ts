/** A model that answers queries alone: which attacks it cannot answer, and which image counts where it rounds. */
import { beforeAll, describe, expect, test } from 'vitest';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { asRandomized, checkModel } from '../../../harness/evaluate/model-checks.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, mover, pixels, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

// distances to 0.5 in units of 1/255: 2.5, 22.5
const data = pixels(130, 150);

const only = (access: 'scores' | 'decision'): Classifier => ({ ...threshold(), access });
const asking = (access: 'gradient' | 'scores' | 'decision' | 'transfer') => ({ ...mover('full', 1), access });

test.each([
  ['gradient', 'scores', 'asks for gradients, and threshold answers with scores alone'],
  ['gradient', 'decision', 'asks for gradients, and threshold answers with labels alone'],
  ['scores', 'decision', 'asks for scores, and threshold answers with labels alone'],
] as const)('an attack by %s on a model of %s is refused', async (access, given, message) => {
  await expect(evaluate(input(asking(access), data, { classifier: only(given) }))).rejects.toThrow(`[attack full] ${message}`);
});

test.each([
  ['scores', 'scores'],
  ['decision', 'scores'],
  ['decision', 'decision'],
  ['transfer', 'decision'],
] as const)('an attack by %s on a model of %s runs', async (access, given) => {
  expect((await evaluate(input(asking(access), data, { classifier: only(given) }))).robust).toBe('00');
});

describe('a model that rounds images to 1/255', () => {
  const rounding: Classifier = { ...threshold(), levels: 255 };

  test('is attacked by the rounded image, whatever the attack returned', async () => {
    // 4/255 times 0.7 is 2.8 levels: rounded to 3, across 127.5 from 130 on
    const eps = 4 / 255;
    const { robust, distances, examples } = await evaluate(
      input(mover('part', 0.7), data, { classifier: rounding, threat: { norm: 'Linf', eps }, keepExamples: 1 }),
    );
    expect(robust).toBe('01');
    expect(distances).toEqual([Number((3 / 255).toFixed(6)), Number((3 / 255).toFixed(6))]);
    expect((examples?.adversarial[0] ?? 0) * 255).toBeCloseTo(127, 4);
  });

  test.each([
    { norm: 'L2', eps: 8 / 255 },
    { norm: 'Linf', eps: 0.03 },
  ] as const)('is not attacked in $norm $eps', async (threat) => {
    await expect(evaluate(input(mover('full', 1), data, { classifier: rounding, threat }))).rejects.toThrow(
      `[model threshold] rounds images to 1/255, which would leave ${threat.norm} ${threat.eps}: expected Linf and a radius of whole grey levels`,
    );
  });

  test('is not asked about finer images', async () => {
    const finer = { ...data, read: async () => Float32Array.of(0.5301, 0.6) };
    await expect(
      evaluate(input(mover('full', 1), finer, { classifier: rounding, threat: { norm: 'Linf', eps: 4 / 255 } })),
    ).rejects.toThrow('rounds images to 1/255, and those of the data set are finer');
  });
});

test('the checks before the attacks ask one that keeps answers anew, and for no gradient', async () => {
  const asked: string[] = [];
  let passes = 0;
  const classifier: Classifier = {
    ...only('scores'),
    logits(x, draws = []) {
      asked.push(...draws.map(({ key }) => key));
      passes += x.shape[0];
      return threshold().logits(x);
    },
  };
  const { flags, randomized } = await checkModel({ classifier, name: 'remote', rng: new Rng('checks') }, data);
  expect(flags).toEqual([{ name: 'queries-only', detail: 'it answers with scores and with nothing else' }]);
  expect(randomized).toBe(false);
  expect(passes).toBe(12);
  expect(asked).toEqual([0, 1, 2, 3].map((row) => `checks/again/${row}`).concat([0, 1, 2, 3].map((row) => `checks/alone/${row}`)));
});

test('one that keeps answers and is random is found out, and asked anew for each of its draws', async () => {
  const keys: string[] = [];
  const classifier: Classifier = {
    ...only('decision'),
    logits(x, draws = []) {
      keys.push(...draws.map(({ key }) => key));
      // other answers under other draws
      return tf.tidy(
        () =>
          threshold()
            .logits(x)
            .mul(draws.length > 0 ? -1 : 1) as tf.Tensor2D,
      );
    },
  };
  const { flags, randomized } = await checkModel({ classifier, name: 'remote', rng: new Rng('checks') }, data);
  expect(randomized).toBe(true);
  expect(flags.map(({ name }) => name)).toEqual(['undeclared-randomness', 'queries-only']);
  keys.length = 0;
  const random = asRandomized(classifier);
  expect(random.access).toBe('decision');
  await evaluate(input(asking('decision'), data, { classifier: random }));
  // the attack asks once about each image, and five draws of each judge what it returned
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.filter((key) => key.includes('full/target')).length).toBe(2);
  expect(keys.filter((key) => key.includes('full/judge')).length).toBe(10);
});
