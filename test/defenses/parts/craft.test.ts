import { beforeAll, expect, test } from 'vitest';
import { createTarget } from '../../../attacks/target.ts';
import { ascend, uniformNoise } from '../../../defenses/parts/craft.ts';
import { NORMS, norm } from '../../../tensor/norms/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { linearClassifier } from '../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each(NORMS)('noise is uniform in the ball, not clipped to the box, in %s', (name) => {
  const [n, d, eps] = [1500, 4, 0.6];
  const noise = uniformNoise(tf.zeros([n, 2, 2, 1]), { norm: name, eps }, new Rng(`noise ${name}`));
  const shares = Array.from(norm(name).size(noise).dataSync(), (r) => (r / eps) ** d).sort((a, b) => a - b);
  // Kolmogorov and Smirnov at one in a thousand: the share of the ball within a radius is the radius to the power of the dimensions
  expect(Math.max(...shares.map((share, i) => Math.max(Math.abs(share - i / n), Math.abs(share - (i + 1) / n))))).toBeLessThan(
    1.95 / Math.sqrt(n),
  );
  expect(Math.abs((noise.step().mean().dataSync()[0] as number) - 0.5)).toBeLessThan(0.03);
});

test.each(['Linf', 'L2'] as const)('on a linear loss the ascent ends at the worst point of the ball, in %s', (name) => {
  const weights = [0.5, -0.5, -1, 1, 0.25, -0.25];
  const classifier = linearClassifier([1, 3, 1], 2, Float32Array.from(weights));
  const x = tf.tensor4d([0.4, 0.5, 0.6], [1, 1, 3, 1]);
  const loss = (logits: tf.Tensor2D) =>
    logits
      .slice([0, 0], [-1, 1])
      .sub(logits.slice([0, 1], [-1, 1]))
      .reshape([-1]) as tf.Tensor1D;
  const [eps, steps] = [0.2, 8];
  const end = ascend(createTarget(classifier, 'linear'), x, x.clone(), loss, { norm: name, eps, step: eps / 4, steps });
  const w = tf.tensor4d([1, -2, 0.5], [1, 1, 3, 1]);
  const rise = w.mul(tf.sub(end, x)).sum().dataSync()[0] as number;
  expect(rise).toBeCloseTo(eps * (norm(name).dual(w).dataSync()[0] as number), 5);
  expect(norm(name).size(end.sub(x)).dataSync()[0]).toBeCloseTo(eps, 5);
});
