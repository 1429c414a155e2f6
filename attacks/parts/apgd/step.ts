/** One step of APGD in each norm: Croce and Hein 2020 (arXiv 2003.01690), eq. 1, and 2021 (arXiv 2103.01208) for L1. */
import { type AscentStep, ascentStep, sphereAscent } from '../../../tensor/fused.ts';
import { stepIntoL1Ball } from '../../../tensor/norms/l1-projection.ts';
import { L2 } from '../../../tensor/norms/l2.ts';
import { Linf } from '../../../tensor/norms/linf.ts';
import type { Norm } from '../../../tensor/norms/norm.ts';
import { tf } from '../../../tensor/tf.ts';

const TINY = 1e-12;

export interface StepInput extends AscentStep {
  /** Share of the coordinates that move (L1). */
  readonly density: Float32Array;
}

const perExample = (values: Float32Array) => tf.tensor4d(values, [values.length, 1, 1, 1]);

/** A step `ahead` from the point, then on by inertia, each brought back into ball and box. Runs in a tidy of the caller's. */
function withInertia(norm: Norm, { origin, x, previous, eps, fresh }: StepInput, ahead: tf.Tensor4D): tf.Tensor4D {
  const radius = perExample(eps);
  const stepped = norm.project(x.add(ahead), origin, radius);
  const share = perExample(fresh);
  const inertia = x.sub(previous).mul(tf.sub(1, share));
  return norm.project(x.add(stepped.sub(x).mul(share)).add(inertia), origin, radius);
}

/** Linf. The caller owns the next points, as those of the steps below. */
export function cubeStep(input: StepInput): tf.Tensor4D {
  return ascentStep(input) ?? tf.tidy(() => withInertia(Linf, input, input.grad.sign().mul(perExample(input.stepSize))));
}

/** L2. */
export function sphereStep(input: StepInput): tf.Tensor4D {
  return (
    sphereAscent(input) ??
    tf.tidy(() => {
      const length = input.grad.square().sum([1, 2, 3], true).sqrt();
      return withInertia(L2, input, input.grad.mul(perExample(input.stepSize).div(length.add(TINY))));
    })
  );
}

/** L1: equal steps along the coordinates of the largest gradients, then back into ball and box. */
export const sparseStep = (input: StepInput): tf.Tensor4D => tf.tidy(() => alongLargest(input));

function alongLargest({ origin, x, grad, eps, stepSize, density }: StepInput): tf.Tensor4D {
  const n = x.shape[0];
  const d = x.size / n;
  const flat = (t: tf.Tensor) => t.reshape([n, d]) as tf.Tensor2D;
  const rows = (values: Float32Array) => tf.tensor2d(values, [n, 1]);
  const size = flat(grad).abs();
  // place of the smallest gradient that still moves, counted from the largest
  const place = Int32Array.from(density, (share) => d - 1 - Math.min(Math.trunc(Math.fround(Math.fround(1 - share) * d)), d - 1));
  const most = Math.max(...place) + 1;
  const { values } = tf.topk(size, most, true);
  const least = tf.gather(
    values.reshape([-1]),
    tf.tensor1d(
      place.map((p, i) => i * most + p),
      'int32',
    ),
  );
  const chosen = flat(grad)
    .sign()
    .mul(size.greaterEqual(least.reshape([n, 1])).cast('float32'));
  const moved = flat(x).add(chosen.mul(rows(stepSize).div(chosen.abs().sum(1, true).add(1e-10))));
  const delta = moved.sub(flat(origin)) as tf.Tensor2D;
  const back = stepIntoL1Ball(flat(origin), delta, rows(eps));
  // added in the authors' order: which coordinates end exactly on the image decides how sparse the point counts
  return tf.clipByValue(flat(origin).add(delta).add(back).reshape(x.shape), 0, 1) as tf.Tensor4D;
}
