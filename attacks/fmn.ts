/** FMN, the fast minimum-norm attack, Pintor et al. 2021 (arXiv 2102.12827), algorithm 1. */
import { z } from 'zod';
import { atNorm, type Norm, norm } from '../tensor/norms/index.ts';
import { unit } from '../tensor/norms/l2.ts';
import { tf } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { margin } from './parts/losses.ts';
import { FMN_BALLS, FMN_NORMS, type FmnBall } from './parts/minimum/balls.ts';
import { cosine, descend, type Look, type Next } from './parts/minimum/descent.ts';
import { farthestCorner, pick } from './parts/minimum/nearest.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(100).describe('gradient steps per example, all of which are taken'),
  stepSize: z
    .number()
    .positive()
    .optional()
    .describe('L2 length of the first step, which shrinks to a hundredth; 10 in Linf and 1 in other norms when absent'),
  gamma: z
    .number()
    .positive()
    .max(0.99)
    .default(0.05)
    .describe('share by which the radius first shrinks after an error and grows without one'),
  lastGamma: z.number().positive().max(0.99).default(0.001).describe('what that share shrinks to'),
});
type Params = z.infer<typeof params>;

const TINY = 1e-12;
/**
 * A radius without an error that changes by a smaller share grows by `gamma` from there on: on a linear model the published rule ends on
 * the boundary itself, or, where the box takes from every step what the rule adds, before it.
 */
const STALL = 1e-3;

export default defineAttack<Params>({
  name: 'fmn',
  title: 'FMN',
  paper: 'Pintor et al. 2021 (arXiv 2102.12827)',
  references: [
    {
      key: 'pintor2021fast',
      author: 'Pintor, Maura and Roli, Fabio and Brendel, Wieland and Biggio, Battista',
      title: 'Fast Minimum-norm Adversarial Attacks through Adaptive Norm Constraints',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2021,
      arxiv: '2102.12827',
    },
  ],
  version: 1,
  access: 'gradient',
  minimumNorm: true,
  norms: FMN_NORMS,
  params,
  cost: ({ steps }) => ({ forward: steps, backward: steps }),
  create: (p) => ({
    perturb(batch, target, threat, run) {
      const own = atNorm<FmnBall>(FMN_BALLS, threat.norm, 'attack fmn');
      const ball = { ...own, norm: norm(threat.norm) };
      return descend(batch, target, threat, run, {
        steps: p.steps,
        loss: margin(batch.y),
        memory: (origin) => ({
          radius: tf.zeros([origin.shape[0]]),
          adaptive: tf.zeros([origin.shape[0]]),
          farthest: farthestCorner(origin, ball.norm),
        }),
        step: (look, memory) => adapted(look, memory, ball, { ...p, stepSize: p.stepSize ?? own.firstStep }),
      });
    },
  }),
});

type Ball = FmnBall & { readonly norm: Norm };

/** What is remembered of every example, each `[n]`. */
interface Memory {
  readonly radius: tf.Tensor1D;
  /** 1 once the radius shrinks and grows by `gamma`. */
  readonly adaptive: tf.Tensor1D;
  readonly farthest: tf.Tensor1D;
}

/** The radius of the next ball, then a step along the gradient, brought back into that ball and the box. */
function adapted(look: Look, memory: Next['memory'], ball: Ball, p: Params & { stepSize: number }): Next {
  const { step, offset, origin, grad } = look;
  const { farthest, ...before } = memory as unknown as Memory;
  const left = cosine(step, p.steps);
  const { radius, adaptive } = nextRadius(look, before, ball.norm, p.lastGamma + (p.gamma - p.lastGamma) * left);
  const inBox = tf.minimum(radius, farthest) as tf.Tensor1D;
  const delta = offset.add(unit(grad).mul(p.stepSize * (0.01 + 0.99 * left))) as tf.Tensor4D;
  return { x: ball.back(origin, delta, inBox, 1 + p.stepSize), memory: { radius: inBox, adaptive, farthest: farthest.clone() } };
}

/** A little below an error and a little beyond none; while there has been no error, as far as the boundary is in the linear picture. */
function nextRadius(
  { wrong, distance, loss, grad, nearest }: Look,
  before: Pick<Memory, 'radius' | 'adaptive'>,
  { dual }: Norm,
  gamma: number,
): Pick<Memory, 'radius' | 'adaptive'> {
  const inReach = distance.add(loss.abs().div(tf.maximum(dual(grad), TINY))) as tf.Tensor1D;
  const stalls = inReach.sub(before.radius).abs().lessEqual(before.radius.mul(STALL)).cast('float32');
  const adaptive = tf.maximum(tf.maximum(before.adaptive, wrong), stalls) as tf.Tensor1D;
  const smaller = tf.minimum(before.radius.mul(1 - gamma), nearest) as tf.Tensor1D;
  const larger = pick(adaptive, before.radius.mul(1 + gamma) as tf.Tensor1D, inReach);
  return { radius: pick(wrong, smaller, larger), adaptive };
}
