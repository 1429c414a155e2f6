/** What is trained, attacked and wrapped: the contract of every classifier. */
import type { Rng } from '../tensor/rng.ts';
import type { Shape, tf } from '../tensor/tf.ts';

/** A forward pass kept for gradients: `pullback` may be called any number of times before `dispose`. */
export interface Linearized {
  /** What the pass ends in, owned by this object: `[n,classes]`, or the features `[n,width]` where those were asked for (`Features`). */
  readonly logits: tf.Tensor2D;
  /** The product of `dlogits`, of the shape of `logits`, with the Jacobian: `[n,h,w,c]`, owned by the caller. One backward pass. `last` says that none follows: what is kept for it may be freed on the way. */
  pullback(dlogits: tf.Tensor2D, last?: boolean): tf.Tensor4D;
  dispose(): void;
}

/** A classifier in two parts: all but its last linear layer, and that layer. */
export interface Features {
  /** Numbers of an image that the last layer takes. */
  readonly width: number;
  /** A forward pass that ends in the features `[n,width]`. */
  linearize(x: tf.Tensor4D, draws?: readonly Rng[]): Linearized;
  /** Logits `[n,classes]` of features `[n,width]`: the last layer alone, an affine map. Differentiable by TensorFlow.js; the caller owns the result. */
  logits(features: tf.Tensor2D): tf.Tensor2D;
}

export interface Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  /** `x` is `[n,h,w,c]` float32 in [0,1]; normalisation is inside. The caller owns the result `[n,classes]`. Differentiable by TensorFlow.js unless `linearize` is there. */
  logits(x: tf.Tensor4D, draws?: readonly Rng[]): tf.Tensor2D;
  /** A forward pass whose gradient with respect to the input can be asked for. Without it, the tape of TensorFlow.js is used. */
  linearize?(x: tf.Tensor4D, draws?: readonly Rng[]): Linearized;
  /** Where it shows what its last layer takes: a network frozen with `features`, or a wrapper around one. */
  readonly features?: Features | undefined;
  /**
   * True when the answer depends on random numbers; attacks then need expectation over transformation. Each pass brings `draws`, one fresh
   * generator per image, from which alone that image's answer may draw: it then depends neither on the images beside it nor on their number.
   * One that keeps its answers keeps an answer for each generator's key.
   */
  readonly randomized?: boolean;
  /** What it can be asked for: scores, or decisions alone, as logits of which only the largest means something. Gradients too where absent. */
  readonly access?: 'scores' | 'decision';
  /** Where it rounds every value of an image to a multiple of 1 over this: what is asked about is the rounded image. */
  readonly levels?: number;
  /** Of one that is asked over a network: images sent so far, and images whose answers were kept from before. */
  readonly asked?: { readonly sent: number; readonly kept: number };
  dispose(): void;
}
