/** What is trained, attacked and wrapped: the contract of every classifier. */
import type { Shape, tf } from '../tensor/tf.ts';

/** A forward pass kept for gradients: `pullback` may be called any number of times before `dispose`. */
export interface Linearized {
  /** `[n,classes]`, owned by this object. */
  readonly logits: tf.Tensor2D;
  /** The product of `dlogits` `[n,classes]` with the Jacobian: `[n,h,w,c]`, owned by the caller. One backward pass. */
  pullback(dlogits: tf.Tensor2D): tf.Tensor4D;
  dispose(): void;
}

export interface Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  /** `x` is `[n,h,w,c]` float32 in [0,1]; normalisation is inside. The caller owns the result `[n,classes]`. Differentiable by TensorFlow.js unless `linearize` is there. */
  logits(x: tf.Tensor4D): tf.Tensor2D;
  /** A forward pass whose gradient with respect to the input can be asked for. Without it, the tape of TensorFlow.js is used. */
  linearize?(x: tf.Tensor4D): Linearized;
  /** True when two calls with the same `x` may differ; attacks then need expectation over transformation. */
  readonly randomized?: boolean;
  /** Starts the random numbers of a randomized classifier anew from `key`: the harness does so before each batch, so that a resumed evaluation draws what an unbroken one does. */
  reseed?(key: string): void;
  dispose(): void;
}
