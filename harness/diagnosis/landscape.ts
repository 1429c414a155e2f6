/** The margin around an image, along the way that its gradient says and along a random one. */
import type { z } from 'zod';
import type { Batch, Target } from '../../attacks/attack.ts';
import { margin } from '../../attacks/parts/losses.ts';
import type { linesSchema, surfaceSchema } from '../../records/masking/diagnosis.ts';
import { gradientStep } from '../../tensor/norms/index.ts';
import { tf } from '../../tensor/tf.ts';
import { chunks } from '../evaluate/predict.ts';
import { all, type Found, onBatches, type Patient, rounded } from './subject.ts';

/** Lengths of the steps along each way, over the radius; the first is a step of PGD. */
const LENGTHS = [0.25, 0.5, 1, 2];

/** Images whose whole plane is looked at, and the places on each of its axes, over the radius. */
const PLANES = 4;
const PLACES = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];

/** Margins of one batch: `[n]` at the images and at every step. */
interface Climb {
  readonly start: number[];
  readonly gradient: number[][];
  readonly random: number[][];
}

/** One backward pass and nine forward passes of every image. */
export async function measureLines(patient: Patient): Promise<Found<z.infer<typeof linesSchema>>> {
  const { value: batches, passes } = await onBatches(patient, 'lines', all(patient), (batch, target) => climb(patient, batch, target));
  const merged = (of: (c: Climb) => number[]) => batches.flatMap(of);
  const start = merged((c) => c.start);
  const [gradient, random] = (['gradient', 'random'] as const).map((way) =>
    LENGTHS.map((_, k) => merged((c) => c[way][k] as number[])),
  ) as [number[][], number[][]];
  const mean = (values: readonly number[]) => rounded(values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1));
  const [first, other] = [gradient[0] as number[], random[0] as number[]];
  return {
    value: {
      at: [0, ...LENGTHS],
      gradient: [start, ...gradient].map(mean),
      random: [start, ...random].map(mean),
      overtaken: first.filter((value, i) => value < (other[i] as number)).length,
    },
    passes,
  };
}

/** The plane of the first images. */
export async function measureSurfaces(patient: Patient): Promise<Found<z.infer<typeof surfaceSchema>[]>> {
  const ids = all(patient).slice(0, PLANES);
  const { value, passes } = await onBatches({ ...patient, batchSize: 1 }, 'surfaces', ids, async (batch, target) => {
    const { x, y } = batch;
    const { ways, scale } = await waysFrom(patient, batch, target);
    const places = PLACES.flatMap((a) => PLACES.map((b) => [a, b] as const));
    const values: number[] = [];
    for (const part of chunks(places, patient.batchSize)) {
      const points = tf.tidy(() => {
        const [a, b] = [0, 1].map((axis) =>
          tf.tensor4d(
            part.map((at) => at[axis] as number),
            [part.length, 1, 1, 1],
          ),
        ) as [tf.Tensor, tf.Tensor];
        return tf.clipByValue(x.add(ways.gradient.mul(a)).add(ways.random.mul(b)), 0, 1) as tf.Tensor4D;
      });
      const labels = tf.tidy(() => y.tile([part.length]) as tf.Tensor1D);
      const whose = part.map((_, i) => ({ row: 0, nth: values.length + i }));
      values.push(
        ...(await marginsAt(
          target,
          points,
          labels,
          tf.tidy(() => scale.tile([part.length]) as tf.Tensor1D),
          whose,
        )),
      );
      tf.dispose([points, labels]);
    }
    tf.dispose([ways.gradient, ways.random, scale]);
    const row = (i: number) => values.slice(i * PLACES.length, (i + 1) * PLACES.length).map((v) => rounded(v));
    return { image: batch.ids[0] as number, at: [...PLACES], values: PLACES.map((_, i) => row(i)) };
  });
  return { value, passes };
}

async function climb(patient: Patient, batch: Batch, target: Target): Promise<Climb> {
  const { x, y } = batch;
  const { grads, scale, start } = await slopesAt(patient, batch, target);
  const found: { [K in 'gradient' | 'random']: number[][] } = { gradient: [], random: [] };
  const step = gradientStep(patient.threat.norm);
  for (const way of ['gradient', 'random'] as const)
    for (const length of LENGTHS) {
      const size = length * patient.threat.eps;
      const point = step({ x, grad: grads[way], origin: x }, size, size);
      found[way].push(await marginsAt(target, point, y, scale.clone()));
      point.dispose();
    }
  tf.dispose([grads.gradient, grads.random, scale]);
  return { start, ...found };
}

/** The gradient of the margin, a random one, the range of each image's logits `[n]`, and the margins over it. */
async function slopesAt({ rng }: Patient, { x, y, ids }: Batch, target: Target) {
  const { loss, logits, grad } = target.gradient(x, margin(y));
  const scale = tf.tidy(() => tf.maximum(logits.max(1).sub(logits.min(1)), 1e-30) as tf.Tensor1D);
  const relative = tf.tidy(() => loss.div(scale));
  const start = [...((await relative.data()) as Float32Array)];
  const size = x.size / ids.length;
  const draws = Float32Array.from([...ids].flatMap((id) => [...rng.fork('ways').fork(id).normal(size)]));
  tf.dispose([loss, logits, relative]);
  return { grads: { gradient: grad, random: tf.tensor4d(draws, x.shape) }, scale, start };
}

/** Steps of the radius both ways, from the image of a batch of one. */
async function waysFrom(patient: Patient, batch: Batch, target: Target) {
  const { grads, scale } = await slopesAt(patient, batch, target);
  const { eps, norm: name } = patient.threat;
  const step = gradientStep(name);
  // from the middle of the box, so that the step is whole
  const origin = tf.fill(batch.x.shape, 0.5) as tf.Tensor4D;
  const way = (grad: tf.Tensor4D) => tf.tidy(() => step({ x: origin, grad, origin }, eps, eps).sub(origin) as tf.Tensor4D);
  const ways = { gradient: way(grads.gradient), random: way(grads.random) };
  tf.dispose([grads.gradient, grads.random, origin]);
  return { ways, scale };
}

/** Wrong minus right over `scale`, of every point. Disposes `scale`. */
async function marginsAt(
  target: Target,
  points: tf.Tensor4D,
  y: tf.Tensor1D,
  scale: tf.Tensor1D,
  whose?: Parameters<Target['logits']>[1],
): Promise<number[]> {
  const values = tf.tidy(() => margin(y)(target.logits(points, whose)).div(scale));
  const result = [...((await values.data()) as Float32Array)];
  tf.dispose([values, scale]);
  return result;
}
