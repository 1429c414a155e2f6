/** How FMN brings a step back, per norm: Pintor et al. 2021 (arXiv 2102.12827), appendix A, with the box cut afterwards. */
import { intoCubes } from '../../../tensor/fused.ts';
import { type ByNorm, normsIn } from '../../../tensor/norms/index.ts';
import { stepIntoL1Ball } from '../../../tensor/norms/l1-projection.ts';
import { unit } from '../../../tensor/norms/l2.ts';
import { Linf } from '../../../tensor/norms/linf.ts';
import { tf } from '../../../tensor/tf.ts';
import { perExample } from './descent.ts';

export interface FmnBall {
  /** The L2 length of the first step that the authors take. */
  readonly firstStep: number;
  /**
   * Points of the box near `origin + delta`, both `[n,h,w,c]`, that are no farther than `radius` `[n]` from `origin`; no value of `delta`
   * is larger than `longest`. In a tidy of the caller's.
   */
  back(origin: tf.Tensor4D, delta: tf.Tensor4D, radius: tf.Tensor1D, longest: number): tf.Tensor4D;
}

const intoBox = (origin: tf.Tensor4D, delta: tf.Tensor) => tf.clipByValue(origin.add(delta), 0, 1) as tf.Tensor4D;

/** The nearest point of the ball, were there no box. */
function ontoL1Ball(delta: tf.Tensor4D, radius: tf.Tensor1D, longest: number): tf.Tensor {
  // shrunk around the middle of the box so far that the box is nowhere in the way
  const shrink = 2 ** Math.ceil(Math.log2(2 * longest));
  const flat = delta.reshape([delta.shape[0], -1]).div(shrink) as tf.Tensor2D;
  const step = stepIntoL1Ball(tf.fill(flat.shape, 0.5) as tf.Tensor2D, flat, radius.div(shrink).reshape([-1, 1]) as tf.Tensor2D);
  return flat.add(step).mul(shrink).reshape(delta.shape);
}

export const FMN_BALLS = {
  Linf: {
    firstStep: 10,
    back(origin, delta, radius) {
      const moved = origin.add(delta) as tf.Tensor4D;
      return intoCubes(moved, origin, radius) ?? Linf.project(moved, origin, perExample(radius));
    },
  },
  L2: {
    firstStep: 1,
    // onto the sphere, outwards too, as the authors' code does
    back: (origin, delta, radius) => intoBox(origin, unit(delta).mul(perExample(radius))),
  },
  L1: {
    firstStep: 1,
    back: (origin, delta, radius, longest) => intoBox(origin, ontoL1Ball(delta, radius, longest)),
  },
} satisfies ByNorm<FmnBall>;

export const FMN_NORMS = normsIn(FMN_BALLS);
