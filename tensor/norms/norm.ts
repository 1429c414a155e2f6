/** The contract of a norm: all that a ball in it needs. */
import type { Rng } from '../rng.ts';
import type { tf } from '../tf.ts';

/** Where a step starts from and which way the loss rises; all `[n,h,w,c]`, `origin` in the box. */
export interface Slope {
  readonly x: tf.Tensor4D;
  readonly grad: tf.Tensor4D;
  readonly origin: tf.Tensor4D;
}

/** Batches are `[n,h,w,c]`, with one ball per example; the caller owns every tensor that it gets. */
export interface Norm {
  readonly name: string;
  /** Whether a radius bounds each value by itself, so that it is written in grey levels: `8/255`. */
  readonly inGreyLevels: boolean;
  /** The norm of every example, `[n]`. */
  size(delta: tf.Tensor4D): tf.Tensor1D;
  /** The dual norm of every example, `[n]`: what `w . delta` rises by at most while `delta` has norm 1. */
  dual(w: tf.Tensor4D): tf.Tensor1D;
  /** The norm of `d` ones: how errors of one size add up, and the distance of two corners of the box. */
  ofOnes(d: number): number;
  /** `x` brought into the ball of radius `eps` (one number, or `[n,1,1,1]`) around `origin` and into [0,1]; what lies in both stays. */
  project(x: tf.Tensor4D, origin: tf.Tensor4D, eps: number | tf.Tensor): tf.Tensor4D;
  /**
   * A step of length `size` the way a loss of this gradient rises fastest, projected into the ball of radius `eps` and the box.
   * Absent where such a step is no attack: in L1 it moves a single coordinate.
   */
  step?(at: Slope, size: number, eps: number): tf.Tensor4D;
  /** Uniform points of the ball of radius `eps`, one per example of a batch of this shape. */
  inBall(shape: tf.Tensor4D['shape'], eps: number, rng: Rng): tf.Tensor4D;
  /** A uniform point of the sphere of radius 1 in `d` dimensions. */
  onSphere(d: number, rng: Rng): Float32Array;
  /** Where searches start, at radius 1: a uniform point of the cube (Linf) or of the sphere, as published. */
  start(d: number, rng: Rng): Float32Array;
}
