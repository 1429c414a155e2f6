import { beforeAll, expect, test } from 'vitest';
import type { Attempt } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Logits `[x, a x]`, `a` being the first number of the image's generator; `seen` collects the generators' keys. */
function random(seen: string[] = []): Classifier {
  return {
    classes: 2,
    inputShape: [1, 1, 1],
    randomized: true,
    logits(x, draws = []) {
      seen.push(...draws.map((rng) => rng.key));
      return tf.tidy(() => {
        const pixel = x.reshape([-1, 1]);
        return tf.concat([pixel, pixel.mul(tf.tensor2d(draws.map((rng) => [rng.next()])))], 1) as tf.Tensor2D;
      });
    },
    dispose() {},
  };
}

const draws = { rng: new Rng('cell'), ids: [7, 9] };
const points = (n: number) => tf.ones<tf.Rank.R4>([n, 1, 1, 1]);
const at = (...pairs: [number, number][]): Attempt[] => pairs.map(([row, nth]) => ({ row, nth }));

test('a generator is named by the example, its attempt, and how often that attempt has asked', () => {
  const seen: string[] = [];
  const target = createTarget(random(seen), 'random', draws);
  target.logits(points(2));
  target.logits(points(3), at([1, 0], [1, 1], [0, 0]));
  target.logits(points(1), at([1, 1]));
  expect(seen).toEqual(['cell/7/0/0', 'cell/9/0/0', 'cell/9/0/1', 'cell/9/1/0', 'cell/7/0/1', 'cell/9/1/1']);
});

test('all pullbacks of one pass see the draws of its logits', () => {
  const target = createTarget(random(), 'random', draws);
  const lin = target.linearize(points(2));
  const drawn = lin.logits.slice([0, 1], [2, 1]).flatten().dataSync();
  const second = tf.tensor2d([
    [0, 1],
    [0, 1],
  ]);
  // the slope of the second logit is what was drawn
  for (let i = 0; i < 2; i++) expect([...lin.pullback(second).dataSync()]).toEqual([...drawn]);
  expect(target.passes).toEqual({ forward: 2, backward: 4 });
});

test('a random model that is asked about other rows than the batch has must be told whose they are', () => {
  const target = createTarget(random(), 'moving', draws);
  expect(() => target.logits(points(3))).toThrow(
    '[model moving] expected a pass of 2 rows, one per example of the batch, got 3: the model is random, and its draws belong to the examples',
  );
  expect(() => target.logits(points(3), at([0, 0]))).toThrow('[model moving] expected to be told whose 3 rows are, got 1 attempts');
  expect(target.passes).toEqual({ forward: 0, backward: 0 });
});

test('a random model without generators is refused', () => {
  expect(() => createTarget(random(), 'moving')).toThrow('[model moving] expected the generators of a random model, got none');
});

test('what attempts used that are thrown away is overhead, forward and backward', () => {
  const target = createTarget(random(), 'random', draws);
  const loss = (logits: tf.Tensor2D) => logits.sum(1) as tf.Tensor1D;
  target.gradient(points(3), loss, at([0, 0], [0, 1], [1, 0]));
  target.logits(points(2), at([0, 1], [0, 2]));
  expect(target.passes).toEqual({ forward: 5, backward: 3 });
  target.discard(at([0, 1], [0, 2]));
  expect(target.passes).toEqual({ forward: 2, backward: 2 });
  expect(target.overhead).toEqual({ forward: 3, backward: 1 });
});

/** Logits `[x, 0.5, 0.5]`. */
const ties: Classifier = {
  classes: 3,
  inputShape: [1, 1, 1],
  logits: (x) =>
    tf.tidy(() =>
      tf.pad(
        x.reshape([-1, 1]) as tf.Tensor2D,
        [
          [0, 0],
          [0, 2],
        ],
        0.5,
      ),
    ),
  dispose() {},
};

test('a decision is the class of the largest logit, the first of equals, and one forward pass', () => {
  const target = createTarget(ties, 'ties', undefined, 'decision');
  const before = tf.memory().numTensors;
  const decisions = target.decisions(tf.tensor4d([0.6, 0.5, 0.4], [3, 1, 1, 1]));
  expect(decisions.dtype).toBe('int32');
  expect([...decisions.dataSync()]).toEqual([0, 0, 1]);
  expect(tf.memory().numTensors - before).toBe(2);
  expect(target.passes).toEqual({ forward: 3, backward: 0 });
});

test.each([
  ['gradient', []],
  ['scores', ['gradients']],
  ['decision', ['logits', 'gradients']],
  ['transfer', ['logits', 'gradients']],
] as const)('a target for an attack with access "%s" refuses %j, before any pass', (access, refused) => {
  const target = createTarget(ties, 'closed', undefined, access);
  const sum = (logits: tf.Tensor2D) => logits.sum(1) as tf.Tensor1D;
  const asks = { logits: () => target.logits(points(1)), gradients: () => [target.gradient(points(1), sum), target.linearize(points(1))] };
  for (const what of ['logits', 'gradients'] as const)
    if ((refused as readonly string[]).includes(what))
      expect(asks[what]).toThrow(`[model closed] an attack whose access is "${access}" asked for ${what}`);
    else expect(asks[what]).not.toThrow();
  expect(target.passes.forward).toBe([3, 1, 0][refused.length]);
});
