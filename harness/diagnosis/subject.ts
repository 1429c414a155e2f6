/** What every measurement of a diagnosis is given: a model, the images that it is looked at on, and the account of passes. */
import type { AttackPlugin, Batch, EnsemblePlugin, Passes, Target, Threat } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import { tf } from '../../tensor/tf.ts';
import { batchOf, chunks, type EvaluationData, type Subject } from '../evaluate/predict.ts';

export interface Patient extends Subject {
  /** Images that it gets right. */
  readonly data: EvaluationData;
  readonly threat: Threat;
  /** Images per pass at most. */
  readonly batchSize: number;
  readonly signal: AbortSignal;
  /** Where attacks are looked up. */
  lookup(name: string): AttackPlugin | EnsemblePlugin;
}

/** What one measurement found, and what it cost. */
export interface Found<T> {
  readonly value: T;
  readonly passes: Passes;
}

/**
 * `body` on every batch of the images `ids`, with a target whose random numbers are those of this `use`; their answers in order and the
 * passes of all. Tensors of the batch are disposed.
 */
export async function onBatches<T>(
  { classifier, name, rng, data, batchSize, signal }: Patient,
  use: string,
  ids: readonly number[],
  body: (batch: Batch, target: Target) => Promise<T> | T,
): Promise<Found<T[]>> {
  const passes: Passes = { forward: 0, backward: 0 };
  const value: T[] = [];
  for (const part of chunks(ids, batchSize)) {
    signal.throwIfAborted();
    const batch = await batchOf(data, part);
    const target = createTarget(classifier, name, { rng: rng.fork(use), ids: batch.ids });
    try {
      value.push(await body(batch, target));
      target.settle();
    } finally {
      tf.dispose([batch.x, batch.y]);
    }
    passes.forward += target.passes.forward;
    passes.backward += target.passes.backward;
  }
  return { value, passes };
}

export const all = ({ data }: Pick<Patient, 'data'>): number[] => Array.from({ length: data.n }, (_, i) => i);

export function addUp(passes: readonly Passes[]): Passes {
  return passes.reduce((sum, p) => ({ forward: sum.forward + p.forward, backward: sum.backward + p.backward }), {
    forward: 0,
    backward: 0,
  });
}

/** To so many significant digits, as a record keeps them. */
export const rounded = (value: number, digits = 4): number => Number(value.toPrecision(digits));
