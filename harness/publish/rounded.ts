/** Adversarial images in as few bytes as leave them adversarial: the model itself says which rounding does. */
import type { Threat } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Encoding } from '../../records/published/images.ts';
import { norm } from '../../tensor/norms/index.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { budgetTolerance, isInBox, measured } from '../evaluate/checks.ts';
import { answerOf, EDGE } from '../evaluate/margin.ts';
import { chunks, RANDOMIZED_DRAWS, type Subject } from '../evaluate/predict.ts';
import { ROUNDINGS, type Rounding } from './roundings.ts';

/** Broken images, one after the other. */
export interface Points {
  /** Index of each in the test split, by which a random model draws. */
  readonly images: readonly number[];
  readonly labels: readonly number[];
  readonly shape: Shape;
  /** `[k,h,w,c]` in [0,1], the originals and what the attack made of them. */
  readonly clean: Float32Array;
  readonly adversarial: Float32Array;
}

/** One of them as it is written. */
export interface RoundedPoint {
  readonly encoding: Encoding;
  /** `[h,w,c]` in [0,1], held exactly by the encoding. */
  readonly values: Float32Array;
}

/**
 * By how much of the largest score another class must be above the right one: ten times what engines agree to. A point that the attack left
 * nearer than this to the boundary stays as near as it was, where no rounding takes it further.
 */
export const SURE = 10 * EDGE;

interface Room extends Points {
  readonly threat: Threat;
  readonly subject: Subject;
  readonly batchSize: number;
}

/**
 * Every point by the first rounding that stays in the box and in the ball and that the model still takes for another class; as it is where none
 * does. A model that is asked over a network is asked nothing: its points are bytes where they are bytes already.
 */
export async function roundedPoints(room: Room): Promise<RoundedPoint[]> {
  const { images, subject } = room;
  const result = images.map((_, i): RoundedPoint => ({ encoding: 'f32', values: sliceOf(room, room.adversarial, i) }));
  if (images.length === 0) return result;
  const all = images.map((_, i) => i);
  if (subject.classifier.asked) return asTheyAre(room, result);
  const own = await excessOf(room, all, (i) => (result[i] as RoundedPoint).values);
  const settled = new Set<number>();
  let open = all;
  for (const rounding of ROUNDINGS) {
    if (open.length === 0) break;
    const made = new Map(open.map((i) => [i, rounded(room, rounding, i)]));
    const inside = await insideOf(room, made);
    const excess = await excessOf(room, inside, (i) => made.get(i) as Float32Array);
    const sure = new Set(inside.filter((_, k) => (excess[k] as number) >= SURE));
    for (const [k, i] of inside.entries()) {
      const isAsWrong = (excess[k] as number) > 0 && (excess[k] as number) >= (own[i] as number);
      if (!sure.has(i) && (!isAsWrong || settled.has(i))) continue;
      result[i] = { encoding: rounding.encoding, values: made.get(i) as Float32Array };
      settled.add(i);
    }
    open = open.filter((i) => !sure.has(i));
  }
  return result;
}

function sliceOf({ shape: [h, w, c] }: Pick<Points, 'shape'>, values: Float32Array, i: number): Float32Array {
  return values.slice(i * h * w * c, (i + 1) * h * w * c);
}

function rounded(room: Room, rounding: Rounding, i: number): Float32Array {
  const { norm: name, eps } = room.threat;
  const reach = norm(name).inGreyLevels ? eps : Number.POSITIVE_INFINITY;
  return rounding.round({ values: sliceOf(room, room.adversarial, i), origin: sliceOf(room, room.clean, i), reach });
}

/** Points that lose nothing as bytes. */
function asTheyAre(room: Room, points: readonly RoundedPoint[]): RoundedPoint[] {
  const [nearest] = ROUNDINGS as [Rounding];
  return points.map((point, i) => {
    const values = rounded(room, nearest, i);
    return values.every((v, at) => v === point.values[at]) ? { encoding: nearest.encoding, values } : point;
  });
}

/** Which of the rounded points lie in the box and in the ball. */
async function insideOf(room: Room, made: ReadonlyMap<number, Float32Array>): Promise<number[]> {
  const { threat, shape, batchSize, clean } = room;
  const limit =
    threat.eps +
    budgetTolerance(
      threat,
      shape.reduce((a, b) => a * b, 1),
    );
  const inside: number[] = [];
  for (const part of chunks([...made.keys()], batchSize)) {
    const points = batchOf(room, part, (i) => made.get(i) as Float32Array);
    const x = batchOf(room, part, (i) => sliceOf(room, clean, i));
    const { distances, low, high } = await measured(points, x, threat);
    tf.dispose([points, x]);
    inside.push(...part.filter((_, k) => (distances[k] as number) <= limit && isInBox(low[k] as number, high[k] as number)));
  }
  return inside;
}

function batchOf({ shape }: Pick<Points, 'shape'>, which: readonly number[], pixels: (i: number) => Float32Array): tf.Tensor4D {
  const size = shape.reduce((a, b) => a * b, 1);
  const all = new Float32Array(which.length * size);
  for (const [k, i] of which.entries()) all.set(pixels(i), k * size);
  return tf.tensor4d(all, [which.length, ...shape]);
}

/** By how much of the largest score the best of the other classes is above the right one, for each of `which`; negative where the image is right. */
async function excessOf(room: Room, which: readonly number[], pixels: (i: number) => Float32Array): Promise<number[]> {
  const { subject, images, labels, batchSize } = room;
  const excess: number[] = [];
  for (const part of chunks(which, batchSize)) {
    const x = batchOf(room, part, pixels);
    const ids = part.map((i) => images[i] as number);
    const target = createTarget(subject.classifier, subject.name, { rng: subject.rng.fork('publish'), ids });
    const scores = tf.tidy(() => {
      if (!target.randomized) return target.logits(x);
      let sum = tf.softmax(target.logits(x));
      for (let i = 1; i < RANDOMIZED_DRAWS; i++) sum = sum.add(tf.softmax(target.logits(x)));
      return sum.div(RANDOMIZED_DRAWS) as tf.Tensor2D;
    });
    const values = (await scores.data()) as Float32Array;
    tf.dispose([x, scores]);
    target.settle();
    const classes = values.length / part.length;
    excess.push(...part.map((i, k) => -answerOf(values.subarray(k * classes, (k + 1) * classes), labels[i] as number).relative));
  }
  return excess;
}
