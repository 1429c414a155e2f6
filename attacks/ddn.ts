/** DDN, the decoupled direction and norm attack, Rony et al. 2019 (arXiv 1811.09600), algorithm 1. */
import { z } from 'zod';
import { L2, unit } from '../tensor/norms/l2.ts';
import { tf } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { crossEntropy } from './parts/losses.ts';
import { cosine, descend, type Look, type Next, perExample } from './parts/minimum/descent.ts';
import { farthestCorner, pick } from './parts/minimum/nearest.ts';
import { drawn } from './parts/start.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(100).describe('gradient steps per example, all of which are taken'),
  gamma: z.number().positive().max(0.99).default(0.05).describe('share by which the norm shrinks after an error and grows without one'),
  firstNorm: z.number().positive().default(1).describe('the L2 norm of the first step'),
  levels: z
    .number()
    .int()
    .min(2)
    .optional()
    .describe('grey levels that points are rounded to, 256 in the paper, for a model that takes such images alone; none when absent'),
});
type Params = z.infer<typeof params>;

/** The step length falls from 1 to this along half a cosine. */
const SHORTEST = 0.01;
const TINY = 1e-12;

export default defineAttack<Params>({
  name: 'ddn',
  title: 'DDN',
  paper: 'Rony et al. 2019 (arXiv 1811.09600)',
  references: [
    {
      key: 'rony2019decoupling',
      author: 'Rony, Jérôme and Hafemann, Luiz G. and Oliveira, Luiz S. and Ben Ayed, Ismail and Sabourin, Robert and Granger, Eric',
      title: 'Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial Attacks and Defenses',
      venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
      year: 2019,
      arxiv: '1811.09600',
    },
  ],
  version: 2,
  access: 'gradient',
  saturates: () => ['cross-entropy'],
  minimumNorm: true,
  norms: ['L2'],
  params,
  cost: ({ steps }) => ({ forward: steps, backward: steps }),
  create: (p) => ({
    perturb: (batch, target, threat, run) =>
      descend(batch, target, threat, run, {
        steps: p.steps,
        loss: crossEntropy(batch.y),
        memory: (origin, rngs) => ({
          radius: tf.fill([origin.shape[0]], p.firstNorm),
          farthest: farthestCorner(origin, L2),
          // where the gradient is zero, the paper leaves the direction open and the authors' code draws one
          direction: unit(drawn(origin, rngs, L2.onSphere)),
        }),
        step: (look, memory) => decoupled(look, memory, p),
      }),
  }),
});

/** A step along the gradient's direction, then onto the sphere of the next radius: smaller from an error, larger from none. */
function decoupled({ step, offset, origin, grad, wrong }: Look, memory: Next['memory'], { steps, gamma, levels }: Params): Next {
  const { radius, farthest, direction } = memory as { radius: tf.Tensor1D; farthest: tf.Tensor1D; direction: tf.Tensor4D };
  const length = SHORTEST + (1 - SHORTEST) * cosine(step, steps);
  const size = L2.size(grad);
  const flat = size.less(TINY);
  const scale = tf.div(length, pick(flat, tf.onesLike(size), size));
  const moved = offset.add(pick(flat, direction, grad).mul(perExample(scale))) as tf.Tensor4D;
  const next = tf.minimum(radius.mul(tf.sub(1 + gamma, wrong.mul(2 * gamma))), farthest);
  const onSphere = tf.clipByValue(origin.add(moved.mul(perExample(next.div(tf.maximum(L2.size(moved), TINY))))), 0, 1) as tf.Tensor4D;
  const rounded =
    levels === undefined
      ? onSphere
      : (onSphere
          .mul(levels - 1)
          .round()
          .div(levels - 1) as tf.Tensor4D);
  return { x: rounded, memory: { radius: next as tf.Tensor1D, farthest: farthest.clone(), direction: direction.clone() } };
}
