/** TRADES, Zhang et al. 2019 (arXiv 1901.08573), eq. 5, as the authors' code computes it: cross-entropy plus beta times KL. */
import { z } from 'zod';
import type { Loss } from '../attacks/attack.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training, type TrainingBatch } from './defense.ts';
import { ascend, gaussianNoise, intoBall, unit } from './parts/craft.ts';
import { kl } from './parts/losses.ts';

const params = z.strictObject({
  beta: z.number().min(0).default(6),
  steps: z.number().int().min(1).default(10),
  /** Radius; that of the threat model when absent. */
  eps: z.number().positive().optional(),
  /** Step size; when absent 0.007 / 0.031 of the radius (Linf), or twice the radius over `steps` (L2). */
  step: z.number().positive().optional(),
});
type Params = z.infer<typeof params>;

/** Standard normal noise in the shape of the batch; given apart so that a test can give the noise of another code. */
type Noise = (batch: TrainingBatch) => tf.Tensor4D;

/** The L2 ascent of the authors: SGD on the perturbation along unit gradients, random where a gradient is zero, box first and ball last. */
function ascendL2(
  gradient: (x: tf.Tensor4D) => tf.Tensor4D,
  x: tf.Tensor4D,
  noise: Noise,
  batch: TrainingBatch,
  a: { eps: number; step: number; steps: number },
) {
  let delta = tf.tidy(() => noise(batch).mul(0.001)) as tf.Tensor4D;
  for (let i = 0; i < a.steps; i++) {
    const next = tf.tidy(() => {
      const grad = gradient(x.add(delta));
      const zero = grad.square().sum([1, 2, 3], true).equal(0);
      const direction = zero.any().dataSync()[0] ? tf.where(zero, gaussianNoise(x, batch.rng), unit(grad)) : unit(grad);
      const boxed = tf.clipByValue(x.add(delta).add(direction.mul(a.step)), 0, 1).sub(x);
      return intoBall(boxed as tf.Tensor4D, a.eps);
    });
    delta.dispose();
    delta = next;
  }
  return tf.tidy(() => {
    const adversarial = tf.clipByValue(x.add(delta), 0, 1);
    delta.dispose();
    return adversarial;
  }) as tf.Tensor4D;
}

export function createTrades(p: Params, threat: { norm: string; eps: number }, noise: Noise): Training {
  const eps = p.eps ?? threat.eps;
  const step = p.step ?? (threat.norm === 'L2' ? (2 * eps) / p.steps : (eps * 0.007) / 0.031);
  return {
    async craft(batch, { target }) {
      const { x } = batch;
      const clean = target.logits(x);
      const divergence: Loss = (logits) => kl(clean, logits);
      const gradient = (z: tf.Tensor4D) => target.gradient(z, divergence).grad;
      const adversarial =
        threat.norm === 'L2'
          ? ascendL2(gradient, x, noise, batch, { eps, step, steps: p.steps })
          : ascend(target, x, tf.tidy(() => x.add(noise(batch).mul(0.001))) as tf.Tensor4D, divergence, {
              norm: 'Linf',
              eps,
              step,
              steps: p.steps,
            });
      clean.dispose();
      return { adversarial };
    },
    objective({ x, y }, { adversarial }, ctx) {
      const natural = ctx.network.forward(x, { training: true }).logits;
      const first = ctx.crossEntropy(natural, y);
      const logits = ctx.network.forward(adversarial as tf.Tensor4D, { training: true }).logits;
      const again = ctx.network.forward(x, { training: true }).logits;
      const robust = kl(again, logits).mean() as tf.Scalar;
      return { loss: first.add(robust.mul(p.beta)) as tf.Scalar, logits, terms: { natural: first, robust } };
    },
  };
}

export default defineDefense<Params>({
  name: 'trades',
  title: 'TRADES',
  paper: 'Zhang et al. 2019 (arXiv 1901.08573)',
  version: 1,
  kind: 'training',
  norms: ['Linf', 'L2'],
  params,
  cost: ({ steps }) => ({ forward: steps + 4, backward: steps + 3 }),
  create: (p, { threat }) => createTrades(p, threat, ({ x, rng }) => gaussianNoise(x, rng)),
});
