/** One step of APGD in each norm: Croce and Hein 2020 (arXiv 2003.01690), eq. 1, and 2021 (arXiv 2103.01208) for L1. */
import { ascentStep } from '../../../tensor/fused.ts';
import type { Norm } from '../../../tensor/norms.ts';
import { tf } from '../../../tensor/tf.ts';
import { stepIntoL1Ball } from '../l1-projection.ts';

const TINY = 1e-12;

/** Tensors are `[n,h,w,c]`, arrays have one number per example. */
export interface StepInput {
  /** The clean images. */
  readonly origin: tf.Tensor4D;
  readonly x: tf.Tensor4D;
  /** The points before. */
  readonly previous: tf.Tensor4D;
  readonly grad: tf.Tensor4D;
  /** Radius around `origin`. */
  readonly eps: Float32Array;
  readonly stepSize: Float32Array;
  /** Share of the coordinates that move (L1). */
  readonly density: Float32Array;
  /** Weight of the step beside the move before: 1 for a first step, 0.75 later. */
  readonly fresh: Float32Array;
}

const perExample = (values: Float32Array) => tf.tensor(values, [values.length, 1, 1, 1]);

/** The next points, in the box and the ball. The caller owns them. */
export function apgdStep(norm: Norm, input: StepInput): tf.Tensor4D {
  const fused = norm === 'Linf' ? ascentStep(input) : undefined;
  return fused ?? tf.tidy(() => (norm === 'L1' ? sparseStep(input) : momentumStep(norm, input)));
}

function momentumStep(norm: 'Linf' | 'L2', { origin, x, previous, grad, eps, stepSize, fresh }: StepInput): tf.Tensor4D {
  const radius = perExample(eps);
  const project = norm === 'Linf' ? intoCube(origin, radius) : intoSphere(origin, radius);
  const size = perExample(stepSize);
  const ahead = norm === 'Linf' ? grad.sign().mul(size) : grad.mul(size.div(l2(grad).add(TINY)));
  const stepped = project(x.add(ahead));
  const a = perExample(fresh);
  const inertia = x.sub(previous).mul(tf.sub(1, a));
  return project(x.add(stepped.sub(x).mul(a)).add(inertia)) as tf.Tensor4D;
}

function intoCube(origin: tf.Tensor4D, radius: tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  const low = tf.relu(origin.sub(radius));
  const high = tf.minimum(origin.add(radius), 1);
  return (x) => tf.minimum(tf.maximum(x, low), high);
}

function intoSphere(origin: tf.Tensor4D, radius: tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  return (x) => {
    const delta = x.sub(origin);
    const norm = l2(delta);
    return tf.clipByValue(origin.add(delta.mul(tf.minimum(radius, norm).div(norm.add(TINY)))), 0, 1);
  };
}

function l2(t: tf.Tensor): tf.Tensor {
  return t.square().sum([1, 2, 3], true).sqrt();
}

/** Equal steps along the coordinates of the largest gradients, then back into ball and box. */
function sparseStep({ origin, x, grad, eps, stepSize, density }: StepInput): tf.Tensor4D {
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
