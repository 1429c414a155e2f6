/** A classifier of one-pixel images and attacks on it, for which every outcome is known by hand. */
import { z } from 'zod';
import { type AttackPlugin, type AttackRun, defineAttack, type Threat } from '../../attacks/attack.ts';
import { heldSplit } from '../../datasets/split.ts';
import type { EvaluationInput } from '../../harness/evaluate/evaluation.ts';
import type { EvaluationData } from '../../harness/evaluate/predict.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

/** Class 1 where the first pixel is above 0.5, else class 0. */
export function threshold(): Classifier {
  return {
    classes: 2,
    inputShape: [1, 1, 1],
    logits: (x) =>
      tf.tidy(() => {
        const v = x.reshape([-1, 1]).sub(0.5);
        return tf.concat([v.neg(), v], 1) as tf.Tensor2D;
      }),
    dispose() {},
  };
}

/** Pixels as bytes; the labels are what `threshold` says. */
export function pixels(...bytes: number[]): EvaluationData {
  return {
    ...heldSplit({ images: Uint8Array.from(bytes), labels: Int32Array.from(bytes, (b) => (b / 255 > 0.5 ? 1 : 0)) }),
    shape: [1, 1, 1],
  };
}

export interface Seen {
  batches: number[][];
}

/** Moves every pixel by `by * eps` (times a draw, if `random`) towards 0.5 and beyond. */
export function mover(name: string, by: number, options: { random?: boolean; streams?: boolean; seen?: Seen } = {}): AttackPlugin {
  return defineAttack({
    name,
    title: name,
    paper: 'none',
    version: 1,
    access: 'decision',
    norms: ['Linf', 'L2', 'L1'],
    params: z.strictObject({}),
    streams: options.streams ?? false,
    cost: () => ({ forward: 1, backward: 0 }),
    create: () => ({
      async perturb(batch, target, threat: Threat, run: AttackRun) {
        options.seen?.batches.push([...batch.ids]);
        target.decisions(batch.x).dispose();
        run.trace?.(1, batch.ids.length);
        const scale = Float32Array.from(batch.ids, (id) => by * (options.random ? run.rng.fork(id).next() : 1));
        return tf.tidy(() => {
          const direction = tf.sub(0.5, batch.x).sign();
          const step = direction.mul(tf.tensor4d(scale, [scale.length, 1, 1, 1])).mul(threat.eps);
          return tf.clipByValue(batch.x.add(step), 0, 1) as tf.Tensor4D;
        });
      },
    }),
  });
}

export function input(attack: EvaluationInput['attack'], data: EvaluationData, more: Partial<EvaluationInput> = {}): EvaluationInput {
  return {
    classifier: threshold(),
    name: 'threshold',
    attack,
    params: {},
    threat: { norm: 'Linf', eps: 0.1 },
    data,
    clean: '1'.repeat(data.n),
    rng: new Rng('cell'),
    batchSize: 2,
    sources: new Map(),
    signal: new AbortController().signal,
    ...more,
  };
}
