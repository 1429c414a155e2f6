/** Whether a model answers the same twice, and whether its gradient is that of its answers. */
import type { z } from 'zod';
import type { differencesSchema, repeatsSchema } from '../../records/masking/diagnosis.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { batchOf, chunks } from '../evaluate/predict.ts';
import { type Agreement, awayFromTheBox, compareSlopes, furthest, largest, Probe, range, rowOf } from '../evaluate/slopes.ts';
import { all, type Found, type Patient, rounded } from './subject.ts';

/** Answers to each image. */
const PASSES = 4;

/** What any classifier is asked for repeatedly: each pass with random numbers of its own, where it takes some. */
export async function measureRepeats(patient: Patient): Promise<Found<z.infer<typeof repeatsSchema>>> {
  let [apart, scale, changed] = [0, 0, 0];
  const passes = { forward: 0, backward: 0 };
  for (const ids of chunks(all(patient), patient.batchSize)) {
    patient.signal.throwIfAborted();
    const { x, y } = await batchOf(patient.data, ids);
    try {
      const answers: Float32Array[] = [];
      for (const nth of range(PASSES)) {
        const probe = new Probe({ ...patient, rng: patient.rng.fork('repeats').fork(nth) });
        answers.push(await probe.logits(x, ids, `repeat ${nth}`));
        passes.forward += probe.passes.forward;
      }
      const [first, ...others] = answers as [Float32Array, ...Float32Array[]];
      scale = Math.max(scale, largest(first));
      for (const other of others) apart = Math.max(apart, furthest(first, other));
      changed += range(ids.length).filter((row) => new Set(answers.map((a) => best(rowOf(a, row, ids.length)))).size > 1).length;
    } finally {
      tf.dispose([x, y]);
    }
  }
  return { value: { passes: PASSES, spread: rounded(scale > 0 ? apart / scale : 0), changed }, passes };
}

const best = (logits: Float32Array) => logits.indexOf(Math.max(...logits));

/** Images whose gradient is held to differences, and how many at once, whatever the batch size: the draws are theirs together. */
const IMAGES = 16;
const AT_ONCE = 4;

/** Agreement beyond this is enough. */
const ENOUGH = 0.95;

/** Nothing of a model that answers anew at every call and takes no random numbers: its differences are those of its draws. */
export async function measureDifferences(patient: Patient): Promise<Found<z.infer<typeof differencesSchema>>> {
  const ids = all(patient).slice(0, IMAGES);
  const total: { -readonly [K in keyof Agreement]: number } = { agree: 0, decided: 0, pairs: 0 };
  const passes = { forward: 0, backward: 0 };
  for (const part of chunks(ids, AT_ONCE)) {
    patient.signal.throwIfAborted();
    const rng = new Rng(`gradient check/${part[0]}`);
    const batch = await batchOf(patient.data, part);
    const x = awayFromTheBox(batch.x);
    try {
      const probe = new Probe({ ...patient, rng: patient.rng.fork('differences').fork(part[0] as number) });
      const logits = await probe.logits(x);
      const weights = rng.normal(logits.length);
      const grad = await probe.gradient(x, weights);
      const found = await compareSlopes(probe, x, { weights, grad, logits }, rng, ENOUGH);
      for (const key of ['agree', 'decided', 'pairs'] as const) total[key] += found[key];
      for (const kind of ['forward', 'backward'] as const) passes[kind] += probe.passes[kind];
    } finally {
      tf.dispose([x, batch.x, batch.y]);
    }
  }
  return { value: { images: ids.length, ...total }, passes };
}
