/** Second derivatives against central differences of the first, in numbers that float32 can hold. */
import { beforeAll, expect, test } from 'vitest';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { batchNorm, crossEntropySum, relu } from '../../tensor/twice.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The gradient of `v . f'(x)`, by the tape; beside it `(f'(x + h v) - f'(x - h v)) / 2h`, which it is by the symmetry of the Hessian. */
function both(f: (x: tf.Tensor) => tf.Scalar, x: tf.Tensor, v: tf.Tensor, h = 0.01): [tf.TypedArray, tf.TypedArray] {
  const first = tf.grad(f);
  const exact = tf.grad((z: tf.Tensor) => first(z).mul(v).sum())(x);
  const numeric = first(x.add(v.mul(h)))
    .sub(first(x.sub(v.mul(h))))
    .div(2 * h);
  return [exact.dataSync(), numeric.dataSync()];
}

const normal = (key: string, shape: number[]) => tf.tensor(new Rng(key).normal(tf.util.sizeFromShape(shape)), shape);

function expectClose([got, want]: [tf.TypedArray, tf.TypedArray], bound: number): void {
  const largest = Math.max(...want.map(Math.abs));
  expect(largest).toBeGreaterThan(0.01);
  expect(Math.max(...got.map((v, i) => Math.abs(v - (want[i] as number))))).toBeLessThan(bound * largest);
}

test('of the cross-entropy', () => {
  const labels = tf.tensor1d([0, 2, 1], 'int32');
  expectClose(
    both((z) => crossEntropySum(z as tf.Tensor2D, labels), normal('z', [3, 4]), normal('v', [3, 4])),
    1e-3,
  );
});

test('of batch normalisation, statistics included', () => {
  const [gamma, beta] = [normal('g', [2]), normal('b', [2])] as [tf.Tensor1D, tf.Tensor1D];
  const weights = normal('w', [2, 2, 2, 2]);
  const f = (x: tf.Tensor) =>
    batchNorm(x as tf.Tensor4D, gamma, beta, 1e-5, () => {})
      .square()
      .mul(weights)
      .sum() as tf.Scalar;
  expectClose(both(f, normal('x', [2, 2, 2, 2]), normal('v', [2, 2, 2, 2])), 1e-2);
});

test('of batch normalisation in its scale', () => {
  const beta = normal('b', [2]) as tf.Tensor1D;
  const [x, v, weights] = ['x', 'v', 'w'].map((key) => normal(key, [2, 2, 2, 2])) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  /** `v . f'(x)` with scale `gamma`. */
  const slope = (gamma: tf.Tensor) => {
    const f = (z: tf.Tensor) =>
      batchNorm(z as tf.Tensor4D, gamma as tf.Tensor1D, beta, 1e-5, () => {})
        .square()
        .mul(weights)
        .sum();
    return tf.grad(f)(x).mul(v).sum();
  };
  const gamma = normal('g', [2]);
  const h = 0.05;
  const numeric = [0, 1].map((i) => {
    const e = tf.tensor1d([0, 1].map((j) => (i === j ? h : 0)));
    return slope(gamma.add(e))
      .sub(slope(gamma.sub(e)))
      .div(2 * h)
      .dataSync()[0] as number;
  });
  expectClose([tf.grad(slope)(gamma).dataSync(), Float32Array.from(numeric)], 1e-2);
});

test('of ReLU under a square', () => {
  // f = sum relu(x)^2 w: its Hessian is 2 w where x is positive
  const [x, v, w] = [tf.tensor1d([-1, 2, 3]), tf.tensor1d([5, 6, 7]), tf.tensor1d([1, 2, 3])];
  const first = tf.grad((z: tf.Tensor) => relu(z).square().mul(w).sum());
  expect([
    ...tf
      .grad((z: tf.Tensor) => first(z).mul(v).sum())(x)
      .dataSync(),
  ]).toEqual([0, 24, 42]);
});

test('a network with a layer that has none says which', () => {
  const image = { inputShape: [32, 32, 3] as [number, number, number], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };
  const network = createNetwork('vit-small-cifar', image, new Rng('n'));
  const pass = () => tf.tidy(() => network.forward(tf.zeros([2, 32, 32, 3]), { training: true, twice: true }));
  expect(pass).toThrow('[network vit-small-cifar] its attention has no second derivative here');
});
