/** The loop of searches for the smallest perturbation: one gradient per step for every example at once, all steps to the end, the nearest error kept. */
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch, Loss, Target, Threat } from '../../attack.ts';
import { turn } from '../search/finds.ts';
import { Nearest, type Sight } from './nearest.ts';

/** What a step is made from, in a tidy: all tensors are the search's. */
export interface Look extends Sight {
  /** From 0. */
  readonly step: number;
  readonly x: tf.Tensor4D;
  readonly origin: tf.Tensor4D;
  /** `[n]`, and its gradient in `x`. */
  readonly loss: tf.Tensor1D;
  readonly grad: tf.Tensor4D;
  /** `[n]`: the smallest distance of an error so far. */
  readonly nearest: tf.Tensor1D;
}

/** Points `[n,h,w,c]` to look at next, and what the search remembers of every example from step to step, by name. */
export type Next = { x: tf.Tensor4D; memory: Record<string, tf.Tensor> };

export interface Descent {
  readonly steps: number;
  readonly loss: Loss;
  /** What is remembered before the first step, made in a tidy. */
  memory(origin: tf.Tensor4D, rngs: readonly Rng[]): Next['memory'];
  /** One step, in a tidy. */
  step(look: Look, memory: Next['memory']): Next;
}

/**
 * Descends from the images; every point is looked at but the one that the last step leads to. Returns what `Attack.perturb` must.
 * Passes per example: `steps` forward and `steps` backward, whether it breaks or not, since nearer errors are looked for to the end.
 */
export async function descend(batch: Batch, target: Target, threat: Threat, run: AttackRun, descent: Descent): Promise<tf.Tensor4D> {
  // a single class has no boundary
  if (batch.ids.length === 0 || threat.eps === 0 || target.classes < 2) return batch.x.clone();
  const nearest = new Nearest(batch, threat);
  const rngs = Array.from(batch.ids, (id) => run.rng.fork(id));
  let at: Next = tf.tidy(() => ({ x: batch.x.clone(), memory: descent.memory(batch.x, rngs) }));
  try {
    for (let step = 0; step < descent.steps; step++) {
      await turn(run.signal);
      const { loss, logits, grad } = target.gradient(at.x, descent.loss);
      const sight = nearest.look(at.x, logits);
      const { x, memory } = at;
      const look = { step, x, origin: batch.x, loss, grad, nearest: nearest.distance, ...sight };
      at = tf.tidy(() => descent.step(look, memory));
      tf.dispose([x, memory, loss, logits, grad, ...Object.values(sight)] as tf.TensorContainer);
    }
    return await nearest.finish(run);
  } finally {
    tf.dispose([at.x, at.memory] as tf.TensorContainer);
    nearest.dispose();
  }
}

/** `[n]` as `[n,1,1,1]`. */
export const perExample = (t: tf.Tensor): tf.Tensor4D => t.reshape([-1, 1, 1, 1]);

/** From 1 at the first of so many steps down to nearly 0 at the last, along half a cosine. */
export const cosine = (step: number, steps: number): number => (1 + Math.cos((Math.PI * step) / steps)) / 2;
