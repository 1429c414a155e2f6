/** Norms of perturbations: one value per example of a batch `[n,h,w,c]`. */
import { tf } from './tf.ts';

export const NORMS = ['Linf', 'L2', 'L1'] as const;
export type Norm = (typeof NORMS)[number];

/** The norm of every example, as `[n]`. The caller owns the result. */
export function normOf(delta: tf.Tensor4D, norm: Norm): tf.Tensor1D {
  return tf.tidy(() => {
    const flat = delta.reshape([delta.shape[0], -1]);
    if (norm === 'Linf') return flat.abs().max(1) as tf.Tensor1D;
    if (norm === 'L1') return flat.abs().sum(1) as tf.Tensor1D;
    return flat.square().sum(1).sqrt() as tf.Tensor1D;
  });
}
