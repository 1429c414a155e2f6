/** Projections onto a hyperplane inside the box, Croce and Hein 2020 (arXiv 1907.02044), section 2.2, for the three norms. */
import { hyperplaneStep } from '../../../tensor/fused.ts';
import { atNorm, type ByNorm, type NormName, normsIn } from '../../../tensor/norms/index.ts';
import { tf } from '../../../tensor/tf.ts';

const MOST_STEPS = 60;
/** Steps between two looks at whether all rows have arrived, each of which waits for the device. A row that has arrived stays. */
const STEPS_A_LOOK = 6;
const HALVINGS = 40;
const FOREVER = 1e12;

/** Weights under this count as zero in L2 and L1, as in the authors' code. */
const NEGLIGIBLE = 1e-8;

interface Problem {
  /** `|w|`, 0 where a coordinate cannot help; `[n,d]` like all below but `gap`. */
  readonly weight: tf.Tensor2D;
  /** How far each coordinate can go in its direction before it meets the box. */
  readonly room: tf.Tensor2D;
  /** How far `w.z` has to go, `[n,1]`. */
  readonly gap: tf.Tensor2D;
}

/**
 * The smallest step, in the norm, from `t` in [0,1]^d to the hyperplane `w.z = b` inside the box; `t` and `w` are `[n,d]`, and
 * `offset` `[n]` is `w.t - b`. Where the hyperplane misses the box, the step to the point nearest to it by value. The caller owns the result `[n,d]`.
 */
export async function projectHyperplane(t: tf.Tensor2D, w: tf.Tensor2D, offset: tf.Tensor1D, norm: NormName): Promise<tf.Tensor2D> {
  const way = atNorm<Way>(WAYS, norm, 'fab');
  return hyperplaneStep(t, w, offset, norm) ?? composed(t, w, offset, way);
}

async function composed(t: tf.Tensor2D, w: tf.Tensor2D, offset: tf.Tensor1D, { useful, length: go }: Way): Promise<tf.Tensor2D> {
  const { direction, ...problem } = tf.tidy(() => {
    const toward = offset.reshape([-1, 1]).less(0).cast('float32').mul(2).sub(1) as tf.Tensor2D;
    const helps = useful(w);
    const signs = helps.sign().mul(toward) as tf.Tensor2D;
    return {
      direction: signs,
      weight: helps.abs(),
      // to 1 where it rises, to 0 where it falls; where it does neither the way does not matter
      room: tf.relu(signs).sub(t).abs() as tf.Tensor2D,
      gap: offset.abs().reshape([-1, 1]) as tf.Tensor2D,
    };
  });
  const length = await go(problem);
  const step = direction.mul(length) as tf.Tensor2D;
  tf.dispose([direction, length, ...Object.values(problem)]);
  return step;
}

/** How fast coordinates move, seen from their weights. */
interface Pace {
  /** What one coordinate adds to `w.z` in a unit of time. A new tensor. */
  rate(weight: tf.Tensor2D): tf.Tensor2D;
  /** How far one coordinate has come, were there no box. Runs in a tidy of the caller's. */
  reach(weight: tf.Tensor2D, time: tf.Tensor): tf.Tensor;
}

const even: Pace = { rate: (weight) => weight.clone(), reach: (_, time) => time };
const byWeight: Pace = { rate: (weight) => tf.square(weight), reach: (weight, time) => weight.mul(time) };

/**
 * Linf and L2: all coordinates move at once, at speed 1 or `|w|`, until they meet the box. `w.z` then grows with time in straight
 * pieces, ever flatter, so Newton's method from time 0 climbs to the answer without overshooting, and is exact on reaching the last piece.
 */
async function together({ weight, room, gap }: Problem, pace: Pace): Promise<tf.Tensor2D> {
  const rate = pace.rate(weight);
  const limit = tf.mul(weight, room);
  const total = rate.sum(1, true);
  const after = (time: tf.Tensor): tf.Tensor =>
    tf.tidy(() => {
      const reach = rate.mul(time);
      const short = gap.sub(tf.minimum(reach, limit).sum(1, true));
      const speed = tf.step(limit.sub(reach)).mul(rate).sum(1, true);
      // no coordinate left to move: the hyperplane misses the box, and every later time gives the same point
      const next = tf.clipByValue(time.add(short.div(tf.maximum(speed, 1e-30))), 0, FOREVER);
      // a row that has arrived stays, however many steps its neighbours in the batch still need
      const arrived = next.sub(time).abs().lessEqual(next.mul(1e-6));
      return tf.where(arrived, time, next);
    });
  let time: tf.Tensor = tf.tidy(() => tf.minimum(gap.div(tf.maximum(total, 1e-30)), FOREVER));
  for (let i = 0; i < MOST_STEPS; i++) {
    const next = after(time);
    const settled = (i + 1) % STEPS_A_LOOK === 0 && (await largestMove(time, next)) === 0;
    time.dispose();
    time = next;
    if (settled) break;
  }
  const length = tf.tidy(() => tf.minimum(pace.reach(weight, time), room)) as tf.Tensor2D;
  tf.dispose([time, limit, total, rate]);
  return length;
}

/** The largest change from `a` to `b`. */
async function largestMove(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const move = tf.tidy(() => b.sub(a).abs().max());
  const [value] = await move.data();
  move.dispose();
  return value as number;
}

/**
 * L1: coordinates go all the way to the box, the heaviest first, until one has only part of its way to go. The weight of that one is
 * found by halving a bracket; coordinates of equal weight share what is left.
 */
function steepestFirst({ weight, room, gap }: Problem): tf.Tensor2D {
  return tf.tidy(() => {
    const limit = weight.mul(room);
    const above = (threshold: tf.Tensor) => tf.step(weight.sub(threshold));
    let low = tf.fill([weight.shape[0], 1], 0) as tf.Tensor;
    let high = weight.max(1, true) as tf.Tensor;
    for (let i = 0; i < HALVINGS; i++) {
      [low, high] = tf.tidy(() => {
        const middle = low.add(high).mul(0.5);
        const enough = above(middle).mul(limit).sum(1, true).greaterEqual(gap).cast('float32');
        const short = tf.sub(1, enough);
        return [middle.mul(enough).add(low.mul(short)), middle.mul(short).add(high.mul(enough))] as unknown as tf.TensorContainer;
      }) as unknown as [tf.Tensor, tf.Tensor];
    }
    const full = above(high);
    const partly = above(low).sub(full);
    const rest = tf.relu(gap.sub(full.mul(limit).sum(1, true)));
    const part = tf.minimum(rest.div(tf.maximum(partly.mul(limit).sum(1, true), 1e-30)), 1);
    return room.mul(full.add(partly.mul(part))) as tf.Tensor2D;
  });
}

interface Way {
  /** `w` with 0 where a coordinate counts as none. Runs in a tidy of the caller's. */
  useful(w: tf.Tensor2D): tf.Tensor2D;
  /** How far every coordinate goes, `[n,d]`. A new tensor. */
  length(problem: Problem): Promise<tf.Tensor2D> | tf.Tensor2D;
}

const notNegligible = (w: tf.Tensor2D) => w.mul<tf.Tensor2D>(tf.step(w.abs().sub(NEGLIGIBLE)));

const WAYS = {
  Linf: { useful: (w) => w, length: (problem) => together(problem, even) },
  L2: { useful: notNegligible, length: (problem) => together(problem, byWeight) },
  L1: { useful: notNegligible, length: steepestFirst },
} satisfies ByNorm<Way>;

export const HYPERPLANE_NORMS = normsIn(WAYS);
export type HyperplaneNorm = keyof typeof WAYS;
