import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget, gradientOf } from '../../attacks/target.ts';
import type { WrapperDefense } from '../../defenses/defense.ts';
import { defense, defenses } from '../../defenses/index.ts';
import { JpegCodec } from '../../defenses/parts/jpeg-codec.ts';
import { engine } from '../../engines/index.ts';
import type { Classifier, Linearized } from '../../models/classifier.ts';
import { createNetwork } from '../../models/index.ts';
import { readSafetensors } from '../../models/safetensors.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { goldenBatch, largestDifference } from '../golden.ts';

const SHAPE: Shape = [16, 16, 3];

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

const network = () =>
  createNetwork('cnn-small', { inputShape: SHAPE, classes: 4, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }, new Rng('wrapped'));
const images = (n: number) => tf.tensor4d(new Rng('images').uniform(n * 16 * 16 * 3), [n, ...SHAPE]);
const wrapper = (name: string) => defense(name) as WrapperDefense;
const wrap = (name: string, inner: Classifier = network().freeze()) => wrapper(name).apply(wrapper(name).params.parse({}), inner);
/** The generators of `n` images, in the stream `key`. */
const draws = (n: number, key = 'wrapper') => ({ rng: new Rng(key), ids: Array.from({ length: n }, (_, i) => i) });
const rngs = (n: number, key = 'wrapper') => Array.from({ length: n }, (_, i) => new Rng(`${key}/${i}`));

describe.each(defenses.filter((d) => d.kind === 'wrapper').map((d) => d.name))('%s', (name) => {
  test('leaves no tensor behind', () => {
    const wrapped = wrap(name);
    const target = createTarget(wrapped, name, draws(3));
    const x = images(3);
    const y = tf.tensor1d([0, 1, 2], 'int32');
    const before = tf.memory().numTensors;
    const { loss, logits, grad } = target.gradient(x, crossEntropy(y));
    tf.dispose([loss, logits, grad, target.logits(x)]);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('frees all that it owns', () => {
    const inner = network();
    const before = tf.memory().numTensors;
    wrap(name, inner.freeze()).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('takes a classifier that has no gradient of its own', () => {
    const inner = network();
    const plain: Classifier = { classes: 4, inputShape: SHAPE, logits: (x) => inner.logits(x), dispose: () => {} };
    const x = images(2);
    const y = tf.tensor1d([0, 1], 'int32');
    const gradient = (classifier: Classifier) => createTarget(wrap(name, classifier), name, draws(2)).gradient(x, crossEntropy(y)).grad;
    expect(largestDifference(gradient(plain), gradient(inner.freeze()))).toBeLessThan(1e-5);
  });

  test('shows the features of the network behind it, at the transformed image', () => {
    const wrapped = wrap(name, network().freeze('fp32', { features: true }));
    const target = createTarget(wrapped, name, draws(2));
    const { features } = target;
    const x = images(2);
    const y = tf.tensor1d([0, 1], 'int32');
    const pass = features?.linearize(x) as Linearized;
    const again = createTarget(wrapped, name, draws(2)).linearize(x);
    expect(largestDifference(features?.logits(pass.logits) as tf.Tensor, again.logits)).toBeLessThan(1e-5);
    const { grad } = gradientOf(pass, (z) => crossEntropy(y)(features?.logits(z) as tf.Tensor2D));
    expect(largestDifference(grad, gradientOf(again, crossEntropy(y)).grad)).toBeLessThan(1e-5);
    expect(wrap(name).features).toBeUndefined();
  });

  test('says whether the answer depends on draws', () => {
    const wrapped = wrap(name);
    const x = images(2);
    const difference = largestDifference(wrapped.logits(x, rngs(2, 'a')), wrapped.logits(x, rngs(2, 'b')));
    expect(wrapped.randomized ?? false).toBe(wrapper(name).randomized);
    expect(difference > 0).toBe(wrapper(name).randomized);
  });
});

test('the answer of a random wrapper to an image depends on that image and its generator alone', () => {
  const wrapped = wrap('random-resize-pad');
  const x = images(3);
  const all = wrapped.logits(x, rngs(3));
  const turned = wrapped.logits(tf.reverse(x, 0), [...rngs(3)].reverse());
  expect(largestDifference(tf.reverse(turned, 0), all)).toBe(0);
  const last = wrapped.linearize?.(x.slice([2, 0, 0, 0]), rngs(3).slice(2)).logits as tf.Tensor2D;
  expect(largestDifference(last, all.slice([2, 0]))).toBe(0);
});

test('a random wrapper without a generator for every image is refused', () => {
  const wrapped = wrap('random-resize-pad');
  expect(() => wrapped.logits(images(2))).toThrow('expected 2 generators, one per image, got none');
  expect(() => wrapped.logits(images(2), rngs(1))).toThrow('expected 2 generators, one per image, got 1');
});

test('a random wrapper around another gives each draws of its own', () => {
  const twice = wrap('random-resize-pad', wrap('random-resize-pad'));
  expect(twice.randomized).toBe(true);
  expect(wrap('bit-depth', wrap('random-resize-pad')).randomized).toBe(true);
  const x = images(1);
  const target = createTarget(twice, 'twice', draws(1));
  const y = tf.tensor1d([0], 'int32');
  const { logits } = target.gradient(x, crossEntropy(y));
  expect(largestDifference(logits, createTarget(twice, 'twice', draws(1)).logits(x))).toBe(0);
  expect(largestDifference(logits, target.logits(x))).toBeGreaterThan(0);
});

test('a straight-through gradient is that of the classifier at the transformed image', () => {
  const inner = network().freeze();
  const x = images(2);
  const y = tf.tensor1d([0, 1], 'int32');
  const squeezed = tf.round(x.mul(15)).div(15) as tf.Tensor4D;
  const want = createTarget(inner, 'inner').gradient(squeezed, crossEntropy(y)).grad;
  const got = createTarget(wrap('bit-depth', inner), 'bit-depth').gradient(x, crossEntropy(y)).grad;
  expect(largestDifference(got, want)).toBeLessThan(1e-6);
});

test('the gradient through random resizing is the derivative of the loss with the same draw', () => {
  const x = images(1);
  const y = tf.tensor1d([1], 'int32');
  const loss = (input: tf.Tensor4D) =>
    crossEntropy(y)(wrap('random-resize-pad').logits(input, [new Rng('wrapper/0/0/0')])).dataSync()[0] as number;
  const { grad } = createTarget(wrap('random-resize-pad'), 'wrapped', draws(1)).gradient(x, crossEntropy(y));
  const direction = grad.div(grad.norm()) as tf.Tensor4D;
  const h = 0.02;
  const slope = (loss(x.add(direction.mul(h))) - loss(x.sub(direction.mul(h)))) / (2 * h);
  const want = grad.norm().dataSync()[0] as number;
  expect(Math.abs(slope / want - 1)).toBeLessThan(0.02);
});

/** `jpeg.safetensors`: the first reference images through libjpeg-turbo (Pillow 9.4, 4:2:0), whole, cut to 26 x 30, and as grey 28 x 28. */
describe('the JPEG codec against libjpeg', () => {
  const decoded = readSafetensors(readFileSync(new URL('./jpeg.safetensors', import.meta.url)), 'jpeg.safetensors').entries;
  test.each([
    { name: 'rgb_75', quality: 75, size: [32, 32, 3] },
    { name: 'rgb_30', quality: 30, size: [32, 32, 3] },
    { name: 'crop_75', quality: 75, size: [26, 30, 3] },
    { name: 'grey_75', quality: 75, size: [28, 28, 1] },
  ])('$name: 99 % of values within 1/255, all within 2/255', ({ name, quality, size }) => {
    const { x } = goldenBatch(4);
    const [h, w, c] = size as [number, number, number];
    const input = (c === 1 ? x.slice([0, 0, 0, 1], [4, h, w, 1]) : x.slice([0, 0, 0, 0], [4, h, w, c])) as tf.Tensor4D;
    const entry = decoded.get(name);
    const want = tf.tensor(entry?.data ?? [], entry?.shape);
    const error = new JpegCodec([h, w, c], quality).apply(input).mul(255).sub(want).abs();
    expect(error.lessEqual(1.01).cast('float32').mean().dataSync()[0]).toBeGreaterThan(0.99);
    expect(error.max().dataSync()[0]).toBeLessThanOrEqual(2.01);
  });
});

test('random resizing takes every size from the whole image to 4 pixels less, and every place that the smaller one has', () => {
  const [n, size] = [300, 16];
  const seen: Classifier = {
    classes: size * size,
    inputShape: [size, size, 1],
    logits: (x) => x.reshape([-1, size * size]) as tf.Tensor2D,
    dispose: () => {},
  };
  const rngs = Array.from({ length: n }, (_, i) => new Rng(`place ${i}`));
  const shown = wrap('random-resize-pad', seen)
    .logits(tf.ones([n, size, size, 1]), rngs)
    .reshape([n, size, size]);
  // the rows and columns of each image that hold something
  const filled = (axis: number) =>
    (shown.max(axis).greater(0.5).arraySync() as number[][]).map((line) => [line.indexOf(1), line.lastIndexOf(1)]);
  const places = (lines: number[][]) => new Set(lines.map(([from, to]) => `${(to as number) - (from as number) + 1} at ${from}`));
  const [rows, columns] = [filled(2), filled(1)];
  const all = [16, 15, 14, 13, 12].flatMap((length) => Array.from({ length: 17 - length }, (_, from) => `${length} at ${from}`));
  expect(places(rows)).toEqual(new Set(all));
  expect(places(columns)).toEqual(new Set(all));
});
