/** What is found in a model from elsewhere before it is attacked: each check has a classifier that it finds and one that it leaves alone. */
import { beforeAll, expect, test } from 'vitest';
import { linearizeClassifier } from '../../../attacks/target.ts';
import { heldSplit } from '../../../datasets/split.ts';
import { chooseEngine } from '../../../engines/choose.ts';
import { asRandomized, checkModel } from '../../../harness/evaluate/model-checks.ts';
import type { EvaluationData } from '../../../harness/evaluate/predict.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { createNetwork } from '../../../models/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await chooseEngine('cpu', { threads: 1 });
});

const SHAPE = [8, 8, 2] as const;
const SIZE = 8 * 8 * 2;
const CLASSES = 3;

function drawn(n: number): EvaluationData {
  const rng = new Rng('images');
  const images = Uint8Array.from({ length: n * SIZE }, () => rng.int(256));
  return { ...heldSplit({ images, labels: new Int32Array(n) }), shape: [...SHAPE] };
}

/** A ReLU network of two hidden layers, on the tape. */
function network(): Classifier {
  const rng = new Rng('weights');
  const layer = (from: number, to: number) => tf.tensor2d(rng.normal(from * to), [from, to]).mul(Math.sqrt(2 / from)) as tf.Tensor2D;
  const [a, b, c] = [layer(SIZE, 64), layer(64, 64), layer(64, CLASSES)];
  return {
    classes: CLASSES,
    inputShape: [...SHAPE],
    logits: (x) =>
      tf.tidy(() => {
        const first = tf.relu(tf.matMul(x.reshape([-1, SIZE]).sub(0.5).mul(4) as tf.Tensor2D, a));
        return tf.matMul(tf.relu(tf.matMul(first, b)), c) as tf.Tensor2D;
      }),
    dispose: () => tf.dispose([a, b, c]),
  };
}

/** `network` with another way to its logits. */
function changed(logits: (inner: Classifier, x: tf.Tensor4D) => tf.Tensor2D, more: Partial<Classifier> = {}): Classifier {
  const inner = network();
  return { ...inner, logits: (x) => tf.tidy(() => logits(inner, x)), ...more };
}

/** `network` with another gradient. */
function misled(pullback: (grad: tf.Tensor4D) => tf.Tensor4D): Classifier {
  const inner = network();
  return {
    ...inner,
    linearize(x) {
      const lin = linearizeClassifier(inner, x);
      return { ...lin, pullback: (dlogits) => tf.tidy(() => pullback(lin.pullback(dlogits))) };
    },
  };
}

const check = (classifier: Classifier, n = 6) => checkModel({ classifier, name: 'theirs', rng: new Rng('cell') }, drawn(n));
const flagsOf = async (classifier: Classifier) => (await check(classifier)).flags.map((f) => f.name);

test('a network that is as it should be has no flag, and the checks cost what they count', async () => {
  expect(await check(network())).toEqual({
    images: 4,
    randomized: false,
    flags: [],
    // twice all, each alone, all with the gradient, and all from both sides of three directions
    passes: { forward: 4 + 4 + 4 + 4 + 2 * 3 * 4, backward: 4 },
  });
});

test('so has a deep one with batch normalisation, frozen, and on fewer images than are looked at', async () => {
  const trained = createNetwork(
    'resnet-tiny',
    { inputShape: [8, 8, 2], classes: CLASSES, mean: [0.5, 0.5], std: [0.2, 0.2] },
    new Rng('w'),
  );
  const frozen = trained.freeze();
  trained.dispose();
  expect((await check(frozen)).flags).toEqual([]);
  expect((await check(frozen, 1)).flags).toEqual([]);
  frozen.dispose();
});

test.each([
  ['no operation leads from the input to the logits', changed((inner, x) => tf.tensor2d(inner.logits(x).arraySync()))],
  ['the input is rounded', changed((inner, x) => inner.logits(x.mul(16).round().div(16)))],
  ['the gradient is cut', misled((grad) => tf.zerosLike(grad))],
  ['the outputs are saturated', changed((inner, x) => tf.softmax(inner.logits(x).mul(1e4)))],
])('no gradients: %s', async (_why, classifier) => {
  expect(await flagsOf(classifier)).toEqual(['no-gradients']);
});

const half = tf.tidy(() =>
  tf
    .range(0, SIZE)
    .mod(2)
    .reshape([1, ...SHAPE]),
);
test.each([
  ['half of the pixels are detached', misled((grad) => grad.mul(half))],
  ['it is twice as long', misled((grad) => grad.mul(2))],
  ['it points down', misled((grad) => grad.neg())],
  ['it is not finite', misled((grad) => grad.div(0))],
  ['it is that of a surrogate', misled((grad) => grad.sign())],
])("a gradient that is not the model's: %s", async (_why, classifier) => {
  const { flags } = await check(classifier);
  expect(flags.map((f) => f.name)).toEqual(['gradient-mismatch']);
  expect(flags[0]?.detail).toMatch(
    /^along 12 directions at 4 images and steps of 0\.00006 to 0\.02, the input gradient agrees with finite differences in \d of 12$/,
  );
});

test('rounding as fine as that of images is no mismatch where the gradient goes straight through', async () => {
  const inner = network();
  const rounded = (x: tf.Tensor4D) => x.mul(255).round().div(255) as tf.Tensor4D;
  const classifier: Classifier = {
    ...inner,
    logits: (x) => tf.tidy(() => inner.logits(rounded(x))),
    linearize: (x) => linearizeClassifier(inner, rounded(x)),
  };
  expect(await flagsOf(classifier)).toEqual([]);
});

test('a model whose calls differ is flagged and told to be randomised; one that draws from its generators is not', async () => {
  let calls = 0;
  const dropout = changed((inner, x) => inner.logits(tf.dropout(x, 0.2, undefined, ++calls) as tf.Tensor4D));
  const found = await check(dropout);
  expect([found.randomized, found.flags.map((f) => f.name)]).toEqual([true, ['undeclared-randomness']]);
  expect(found.flags[0]?.detail).toMatch(/^two calls on the same images differ by \d\.\d+ of the largest logit/);

  const inner = network();
  const declared: Classifier = {
    ...inner,
    randomized: true,
    logits: (x, draws) =>
      tf.tidy(() => {
        const noise = (draws ?? []).flatMap((rng) => [...rng.normal(SIZE)]);
        return inner.logits(x.add(tf.tensor4d(noise, [x.shape[0], ...SHAPE]).mul(0.1)));
      }),
  };
  expect(await check(declared)).toMatchObject({ randomized: false, flags: [] });
});

test('as a randomised one, it gives the same answers and the same gradient', () => {
  const inner = misled((grad) => grad.mul(2));
  const random = asRandomized(inner);
  const x = tf.fill([2, ...SHAPE], 0.25) as tf.Tensor4D;
  expect(random.randomized).toBe(true);
  expect(random.logits(x).arraySync()).toEqual(inner.logits(x).arraySync());
  const slopes = (c: Classifier) =>
    c
      .linearize?.(x)
      .pullback(tf.ones([2, CLASSES]))
      .arraySync();
  expect(slopes(random)).toEqual(slopes(inner));
  expect('linearize' in asRandomized(network())).toBe(false);
});

test.each([
  [
    'other classes',
    changed((inner, x) => tf.concat([inner.logits(x), inner.logits(x)], 1)),
    'expected logits of shape [4, 3], got [4, 6]; the model must have one output per class',
  ],
  ['another number of rows', changed(() => tf.ones([7, CLASSES])), 'expected logits of shape [4, 3], got [7, 3]'],
  [
    'NaN on one image',
    changed((inner, x) => inner.logits(x).mul(tf.tensor2d([1, 1, Number.NaN, 1], [4, 1]))),
    'expected finite logits, got NaN on image 2',
  ],
  ['infinity', changed((inner, x) => inner.logits(x).div(0)), /expected finite logits, got -?Infinity on image 0/],
  [
    'batch statistics',
    changed((inner, x) => inner.logits(x.sub(x.mean(0, true)))),
    /the logits of an image depend on the images beside it: .* model\.eval\(\)/,
  ],
])('%s: nothing is attacked', async (_what, classifier, message) => {
  await expect(check(classifier)).rejects.toThrow(message);
});

test('nothing is left allocated, whatever is found', async () => {
  const all = [network(), misled((grad) => grad.neg()), changed((inner, x) => inner.logits(x).div(0))];
  for (const classifier of all) {
    const before = tf.memory().numTensors;
    await check(classifier).catch(() => undefined);
    expect(tf.memory().numTensors).toBe(before);
  }
});
