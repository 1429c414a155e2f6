/** Inner maximisation of adversarial training: starts, and ascent inside the budget and the box. */
import type { Loss, Target, Threat } from '../../attacks/attack.ts';
import { signStep } from '../../tensor/fused.ts';
import type { Norm } from '../../tensor/norms.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

export interface Ascent {
  readonly norm: Norm;
  readonly eps: number;
  /** Length of one step in `norm`. */
  readonly step: number;
  readonly steps: number;
}

/** Noise in the shape of `x`. The caller owns it. */
export type Noise = (x: tf.Tensor4D, rng: Rng) => tf.Tensor4D;

/** Standard normal noise in the shape of `x`. The caller owns it. */
export const gaussianNoise: Noise = (x, rng) => tf.tensor4d(rng.normal(x.size), x.shape);

/** Every pixel uniform in [-eps,eps] (Linf), or a uniform point of the ball (L2); not clipped to the box. The caller owns it. */
export function uniformNoise(x: tf.Tensor4D, { norm, eps }: Threat, rng: Rng): tf.Tensor4D {
  if (norm === 'Linf') return tf.tensor4d(rng.uniform(x.size, -eps, eps), x.shape);
  const radii = Float32Array.from({ length: x.shape[0] }, () => eps * rng.next() ** (x.shape[0] / x.size));
  return tf.tidy(() => unit(gaussianNoise(x, rng)).mul(tf.tensor4d(radii, [x.shape[0], 1, 1, 1])) as tf.Tensor4D);
}

/** Each example of `t` over its L2 norm; zero stays zero. */
export function unit(t: tf.Tensor4D): tf.Tensor4D {
  const norms = t.square().sum([1, 2, 3], true).sqrt();
  return t.div(tf.maximum(norms, 1e-12)) as tf.Tensor4D;
}

/** `delta` with every example scaled into the L2 ball. */
export function intoBall(delta: tf.Tensor4D, eps: number): tf.Tensor4D {
  const norms = delta.square().sum([1, 2, 3], true).sqrt();
  return delta.mul(tf.minimum(tf.div(eps, tf.maximum(norms, 1e-12)), 1)) as tf.Tensor4D;
}

/** One step of `ascent` from `adversarial` along `grad`, projected into the budget around `x` and the box. The caller owns it. */
export function ascentStep(adversarial: tf.Tensor4D, grad: tf.Tensor4D, x: tf.Tensor4D, { norm, eps, step }: Ascent): tf.Tensor4D {
  if (norm === 'Linf') return signStep(adversarial, grad, x, step, eps);
  return tf.tidy(() => {
    const moved = adversarial.add(unit(grad).mul(step)) as tf.Tensor4D;
    return tf.clipByValue(x.add(intoBall(moved.sub(x), eps)), 0, 1) as tf.Tensor4D;
  });
}

/** Climbs `loss` from `start` for `ascent.steps` steps. Takes over `start`; the caller owns the result. */
export function ascend(target: Pick<Target, 'gradient'>, x: tf.Tensor4D, start: tf.Tensor4D, loss: Loss, ascent: Ascent): tf.Tensor4D {
  let adversarial = start;
  for (let i = 0; i < ascent.steps; i++) {
    const { loss: value, logits, grad } = target.gradient(adversarial, loss);
    const next = ascentStep(adversarial, grad, x, ascent);
    tf.dispose([value, logits, grad, adversarial]);
    adversarial = next;
  }
  return adversarial;
}
