/** The kernels that do a step of gradient ascent at once, and choose rows: the bits of the same composed of other kernels. */
import { beforeAll, describe, expect, test } from 'vitest';
import { cubeStep, type StepInput, sphereStep } from '../../attacks/parts/apgd/step.ts';
import { torch } from '../../engines/torch/index.ts';
import { choices, formulas } from '../../engines/torch/kernels/search.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { selectRows, stepBack } from '../../tensor/fused.ts';
import { gradientStep } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { testDevice } from './device.ts';

const SHAPE: Shape = [11, 9, 3];
const D = 297;
const N = 9;

const images = (key: string, low = 0, high = 1) => tf.tensor4d(new Rng(key).uniform(N * D, low, high), [N, ...SHAPE]);
const each = (key: string, low: number, high: number) => new Rng(key).uniform(N, low, high);

/** Points around images, moves from short to longer than the ball; a gradient that is zero in places, in one row everywhere. */
function position() {
  const origin = images('origin');
  const near = (key: string) => tf.clipByValue(tf.add(origin, images(key, -0.1, 0.1)), 0, 1) as tf.Tensor4D;
  const rows = tf.tensor4d(
    Float32Array.from({ length: N }, (_, i) => (i === 3 ? 0 : 10 ** -i)),
    [N, 1, 1, 1],
  );
  const grad = tf
    .relu(images('grad', -1, 1))
    .sub(tf.relu(images('other', -1, 1)))
    .mul<tf.Tensor4D>(rows);
  return { origin, x: near('x'), previous: near('previous'), grad };
}

function momentum(reach: number): StepInput {
  return {
    ...position(),
    eps: each('eps', 0, reach),
    stepSize: each('size', 0, 2 * reach),
    density: new Float32Array(N),
    fresh: Float32Array.from({ length: N }, (_, i) => (i % 2 ? 1 : 0.75)),
  };
}

/** What `run` gives on the plain backend, composed on this engine, and by its kernels. */
async function threeWays(run: () => tf.Tensor): Promise<{ plain: Float32Array; composed: Float32Array; native: Float32Array }> {
  const values = () => tf.tidy(() => run().dataSync() as Float32Array);
  await tf.setBackend('cpu');
  const plain = values();
  await tf.setBackend('torch');
  const native = values();
  const there = [...formulas, ...choices].filter(({ kernelName }) => tf.getKernel(kernelName, 'torch'));
  for (const { kernelName } of there) tf.unregisterKernel(kernelName, 'torch');
  const composed = values();
  for (const kernel of there) tf.registerKernel(kernel);
  return { plain, composed, native };
}

/** The most units in the last place, of numbers around `scale`, by which `a` and `b` differ. */
const ulps = (a: Float32Array, b: Float32Array, scale = 1) =>
  Math.max(...a.map((v, i) => Math.abs(v - (b[i] as number)))) / (scale * 2 ** -23);

describe.skipIf(!findBuilt())('on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  test('the kernels are there', () => {
    for (const { kernelName } of [...formulas, ...choices]) expect(tf.getKernel(kernelName, 'torch'), kernelName).toBeDefined();
  });

  test.each([0.01, 0.2])('the Linf steps of PGD and APGD of length %d have the bits of any engine', async (reach) => {
    for (const run of [
      () => {
        const { x, grad, origin } = position();
        return gradientStep('Linf')({ x, grad, origin }, reach, 1.5 * reach);
      },
      () => cubeStep(momentum(reach)),
    ]) {
      const { plain, composed, native } = await threeWays(run);
      expect(native).toEqual(plain);
      expect(composed).toEqual(plain);
    }
  });

  test('a gradient that is not a number moves nothing in Linf, on any engine', async () => {
    const broken = (input: StepInput): StepInput => ({ ...input, grad: tf.where(tf.greater(input.grad, 0.1), Number.NaN, input.grad) });
    for (const run of [() => gradientStep('Linf')(broken(momentum(0.2)), 0.2, 0.3), () => cubeStep(broken(momentum(0.2)))]) {
      const { plain, composed, native } = await threeWays(run);
      expect(native).toEqual(plain);
      expect(composed).toEqual(plain);
      expect(plain.every(Number.isFinite)).toBe(true);
    }
  });

  // lengths are sums, which every engine rounds in an order of its own
  test.each([0.05, 2, 50])(
    'the L2 steps of PGD and APGD of length %d have the bits of the composed ones, and of any engine within 2 ulp of 1',
    async (reach) => {
      for (const run of [
        () => {
          const { x, grad, origin } = position();
          return gradientStep('L2')({ x, grad, origin }, reach, 1.5 * reach);
        },
        () => sphereStep(momentum(reach)),
      ]) {
        const { plain, composed, native } = await threeWays(run);
        // a GPU sums for a length of its own in one launch
        if (testDevice === 'cpu') expect(native).toEqual(composed);
        else expect(ulps(native, composed)).toBeLessThanOrEqual(8);
        expect(ulps(native, plain)).toBeLessThanOrEqual(testDevice === 'cpu' ? 2 : 8);
      }
    },
  );

  test('rows are chosen, and steps taken back, as on any engine', async () => {
    const second = Array.from({ length: N }, (_, i) => i % 3 === 1);
    for (const run of [
      () => tf.concat(selectRows([images('a'), images('b')], [images('c'), images('d')], second), 0),
      () => stepBack(images('a'), images('b'), tf.tensor1d(second.map(Number)), 0.9),
    ]) {
      const { plain, composed, native } = await threeWays(run);
      expect(native).toEqual(plain);
      expect(composed).toEqual(plain);
    }
  });

  test('no rows are no steps', () => {
    const none = tf.zeros([0, ...SHAPE]) as tf.Tensor4D;
    for (const norm of ['Linf', 'L2'])
      expect(gradientStep(norm)({ x: none, grad: none, origin: none }, 0.1, 0.1).shape).toEqual([0, ...SHAPE]);
  });

  test('rows of another size, and as many numbers as there are not rows, are refused by name', () => {
    const { ops } = tf.backend() as unknown as {
      ops: { sphereStep(...args: unknown[]): unknown; ascentStep(...args: unknown[]): unknown };
    };
    const slot = (t: tf.Tensor) => (tf.backend() as unknown as { slot(t: tf.Tensor): number }).slot(t);
    const [x, other, controls] = [tf.ones([2, 4]), tf.ones([2, 5]), tf.ones([3, 3])].map(slot);
    expect(() => ops.sphereStep(x, other, x, 0.1, 0.1)).toThrow(/sphereStep.*expected float32 \[2, 4\], got float32 \[2, 5\]/);
    expect(() => ops.ascentStep(x, x, x, x, controls)).toThrow(/ascentStep.*three controls for each of 2 rows, got float32 \[3, 3\]/);
  });
});
