/** The kernels of FAB's step, against the same composed on the plain backend. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Boundary } from '../../attacks/parts/fab/boundary.ts';
import { projectHyperplane } from '../../attacks/parts/fab/hyperplane.ts';
import { createTarget } from '../../attacks/target.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { FUSED, hyperplaneStep } from '../../tensor/fused.ts';
import { NORMS, type NormName } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { randomLinear } from '../contract/linear.ts';
import { testDevice } from './device.ts';

const SHAPE: Shape = [7, 5, 3];
const D = 105;
const N = 9;

const images = (key: string, low = 0, high = 1) => tf.tensor4d(new Rng(key).uniform(N * D, low, high), [N, ...SHAPE]);

async function onBoth<T>(run: () => T | Promise<T>): Promise<{ plain: T; native: T }> {
  await tf.setBackend('cpu');
  const plain = await run();
  await tf.setBackend('torch');
  return { plain, native: await run() };
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (v, i) => Math.abs(v - (b[i] as number))));
}

describe.skipIf(!findBuilt())('on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  // on a GPU the same is composed, as on the plain backend
  test.skipIf(testDevice !== 'cpu')('the kernels are there', () => {
    for (const name of [FUSED.hyperplaneStep, FUSED.boundaryStep]) expect(tf.getKernel(name, 'torch'), name).toBeDefined();
  });

  describe.each(NORMS)('%s', (norm) => {
    // offsets from none to more than the box allows
    test.each([0, 0.1, 3, 1000])('the step to a hyperplane %d away is the composed one', async (reach) => {
      const { plain, native } = await onBoth(async () => {
        const t = images('t').reshape([N, D]) as tf.Tensor2D;
        const w = tf.tensor2d(
          new Rng('w').normal(N * D).map((v, i) => (i % 7 === 0 ? 0 : v)),
          [N, D],
        );
        const offset = tf.tensor1d(new Rng('offset').normal(N).map((v) => v * reach));
        return (await projectHyperplane(t, w, offset, norm)).dataSync();
      });
      expect(farthest(native, plain)).toBeLessThan(1e-5);
    });

    test('steps of FAB reach the composed points', async () => {
      const { plain, native } = await onBoth(() => threeSteps(norm));
      expect(farthest(native.points, plain.points)).toBeLessThan(1e-4);
      expect(native.distances.length).toBe(3 * N);
      plain.distances.forEach((d, i) => {
        expect(Math.abs((native.distances[i] as number) / d - 1)).toBeLessThan(1e-4);
      });
    });

    test.skipIf(testDevice !== 'cpu')('a weight, a point or an offset that is not a number comes out as such, in its row alone', () => {
      for (const broken of ['w', 't', 'offset']) {
        const part = (key: string) => {
          const values = new Rng(key).uniform(2 * D, 0.1, 0.9);
          if (key === broken) values[3] = Number.NaN;
          return tf.tensor2d(values, [2, D]);
        };
        const [t, w] = [part('t'), part('w')];
        const offset = tf.tensor1d([broken === 'offset' ? Number.NaN : -1, 2]);
        const moved = tf.add(t, hyperplaneStep(t, w, offset, norm) as tf.Tensor2D);
        const finite = Array.from(moved.isFinite().dataSync());
        expect(finite[3]).toBe(0);
        expect(finite.slice(D).every((f) => f === 1)).toBe(true);
      }
    });
  });

  test.skipIf(testDevice !== 'cpu')('rows of another size are refused by name', () => {
    const [t, w] = [tf.ones([2, 4]), tf.ones([2, 5])] as [tf.Tensor2D, tf.Tensor2D];
    expect(() => hyperplaneStep(t, w, tf.ones([2]) as tf.Tensor1D, 'Linf')).toThrow(/hyperplaneStep.*float32 \[2, 5\].*float32 \[2, 4\]/);
    expect(() => hyperplaneStep(w, w, tf.ones([3]) as tf.Tensor1D, 'L2')).toThrow(/float32 \[2\], one for every row, got float32 \[3\]/);
  });
});

/** Where three steps of FAB towards the next class lead on a linear model, from random images. */
async function threeSteps(norm: NormName): Promise<{ points: Float32Array; distances: number[] }> {
  const target = createTarget(randomLinear(SHAPE, 5, new Rng('linear')), 'linear');
  const x = images('x', 0.2, 0.8);
  const y = tf.tidy(() => target.logits(x).argMax(1).cast('int32')) as tf.Tensor1D;
  const toward = tf.tidy(() => tf.mod(y.add(tf.scalar(1, 'int32')), tf.scalar(5, 'int32')).cast('int32')) as tf.Tensor1D;
  const boundary = new Boundary<number>(norm, { alphaMax: 0.1, eta: 1.05, beta: 0.9 });
  boundary.begin(
    Array.from({ length: N }, (_, i) => i),
    x.clone(),
    tf.clipByValue(tf.add(x, images('noise', -0.1, 0.1)), 0, 1),
  );
  const distances: number[] = [];
  for (let step = 0; step < 3; step++) {
    const stepped = await boundary.advance(target, { y, toward });
    distances.push(...stepped.distances);
  }
  return { points: boundary.x.dataSync() as Float32Array, distances };
}
