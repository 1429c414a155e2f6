/** Where a search starts: random points of the ball, one generator per example. */
import { norm } from '../../tensor/norms/index.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';

/** What `draw` gives for every example of `x` `[n,h,w,c]`, zeros where there is no generator. The caller owns the result. */
export function drawn(x: tf.Tensor4D, rngs: readonly (Rng | undefined)[], draw: (d: number, rng: Rng) => Float32Array): tf.Tensor4D {
  const d = x.size / x.shape[0];
  const noise = new Float32Array(x.size);
  rngs.forEach((rng, i) => {
    if (rng) noise.set(draw(d, rng), i * d);
  });
  return tf.tensor4d(noise, x.shape);
}

/** `clip(x + eps * direction, 0, 1)` for every example of `x` `[n,h,w,c]`, with the generator of each; unclipped where `clamp` is false. The caller owns the result. */
export function randomStart(x: tf.Tensor4D, threat: Threat, rngs: readonly Rng[], clamp = true): tf.Tensor4D {
  return tf.tidy(() => {
    const start = x.add(drawn(x, rngs, norm(threat.norm).start).mul(threat.eps)) as tf.Tensor4D;
    return clamp ? tf.clipByValue(start, 0, 1) : start;
  });
}
