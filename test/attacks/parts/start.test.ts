import { beforeAll, expect, test } from 'vitest';
import { randomStart } from '../../../attacks/parts/start.ts';
import { NORMS, norm } from '../../../tensor/norms/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [N, D, EPS] = [2000, 16, 0.4];
const rngs = (seed: string) => Array.from({ length: N }, (_, i) => new Rng(`${seed} ${i}`));
const grey = () => tf.fill([N, 4, 4, 1], 0.5) as tf.Tensor4D;

// the mean square of a coordinate, by integration: of the cube of side 2 eps, and of the spheres of radius eps
test.each([
  ['Linf', EPS ** 2 / 3],
  ['L2', EPS ** 2 / D],
  ['L1', (2 * EPS ** 2) / (D * (D + 1))],
] as const)('%s: a start is as far away on average as a uniform point is', (name, meanSquare) => {
  const delta = randomStart(grey(), { norm: name, eps: EPS }, rngs(name)).sub(0.5);
  const ratio = (delta.square().mean().dataSync()[0] as number) / meanSquare;
  expect(Math.abs(ratio - 1)).toBeLessThan(0.02);
});

test.each(['L2', 'L1'] as const)('%s: a start lies on the sphere', (name) => {
  const sizes = norm(name).size(randomStart(grey(), { norm: name, eps: EPS }, rngs(name)).sub(0.5));
  expect(sizes.sub(EPS).abs().max().dataSync()[0]).toBeLessThan(1e-5);
});

test.each(NORMS)('%s: the generator of an example decides its start, and the box cuts it', (name) => {
  const [a, b] = [new Rng('a'), new Rng('b')];
  const black = tf.zeros([2, 4, 4, 1]) as tf.Tensor4D;
  const pair = randomStart(black, { norm: name, eps: 1 }, [a, b]);
  const alone = randomStart(black.slice([0, 0, 0, 0], [1, -1, -1, -1]), { norm: name, eps: 1 }, [new Rng('b')]);
  expect(Array.from(pair.slice([1, 0, 0, 0]).dataSync())).toEqual(Array.from(alone.dataSync()));
  expect(pair.min().dataSync()[0]).toBe(0);
  expect(pair.max().dataSync()[0]).toBeGreaterThan(0);
});
