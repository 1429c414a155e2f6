/** An adversarial patch: one square of the image, its content climbed by PGD, its place searched for (Karmon et al. 2018, arXiv 1801.02608). */
import { z } from 'zod';
import { heaviest, squares } from '../tensor/norms/patch.ts';
import { tf } from '../tensor/tf.ts';
import { type AttackRun, type Attempt, type Batch, defineAttack, type Target } from './attack.ts';
import { margin } from './parts/losses.ts';
import { search } from './parts/search/search.ts';
import type { Position } from './parts/step.ts';

const params = z.strictObject({
  steps: z.number().int().min(1).default(100).describe('gradient steps on the content at each place'),
  stepSize: z.number().positive().max(1).default(0.05).describe('how far each value moves in a step'),
  places: z
    .number()
    .int()
    .min(1)
    .default(5)
    .describe('places tried per example, those with the largest input gradient first, no two nearer than half a side; then random ones'),
  place: z
    .tuple([z.number().int().min(0), z.number().int().min(0)])
    .optional()
    .describe(
      'row and column of its upper left corner, for a patch that stays there: nothing is searched for, and places is the number of starts',
    ),
});
type Params = z.infer<typeof params>;

/** The corner of a patch: row and column. */
type Corner = readonly [number, number];

export default defineAttack<Params>({
  name: 'patch-pgd',
  title: 'Adversarial patch, PGD',
  paper: 'Karmon et al. 2018 (arXiv 1801.02608)',
  references: [
    {
      key: 'karmon2018lavan',
      author: 'Karmon, Danny and Zoran, Daniel and Goldberg, Yoav',
      title: 'LaVAN: Localized and Visible Adversarial Noise',
      venue: 'International Conference on Machine Learning',
      year: 2018,
      arxiv: '1801.02608',
    },
  ],
  version: 1,
  access: 'gradient',
  norms: ['patch'],
  params,
  cost: ({ steps, places, place }) => ({ forward: places * (steps + 1) + (place ? 0 : 1), backward: places * steps + (place ? 0 : 1) }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      const side = Math.floor(threat.eps);
      if (threat.eps === 0 || batch.ids.length === 0 || target.classes < 2) return batch.x.clone();
      const corners = p.place ? [] : await cornersOf(batch, target, side, p.places);
      const [, h, w] = batch.x.shape;
      const rngOf = ({ row, nth }: Attempt) => run.rng.fork(batch.ids[row] as number).fork(nth);
      const cornerOf = (attempt: Attempt): Corner => {
        if (p.place) return p.place;
        const found = corners[attempt.row]?.[attempt.nth];
        return found ?? anywhere(rngOf(attempt).fork('place'), h, w, side);
      };
      return search(batch, target, run, {
        attempts: p.places,
        steps: p.steps,
        start: (x, attempts) => placed(x, attempts.map(cornerOf), side, attempts.map(rngOf)),
        step: (at) => climbed(at, side, p.stepSize),
        loss: (_, y) => margin(y),
      });
    },
  }),
});

type Draws = AttackRun['rng'];

const anywhere = (rng: Draws, h: number, w: number, side: number): Corner => [
  rng.int(Math.max(h - side, 0) + 1),
  rng.int(Math.max(w - side, 0) + 1),
];

/** The places of every example with the largest input gradient of the margin. One pass of each kind. */
async function cornersOf({ x, y }: Pick<Batch, 'x' | 'y'>, target: Target, side: number, places: number): Promise<Corner[][]> {
  const { loss, logits, grad } = target.gradient(x, margin(y));
  const sizes = tf.tidy(() => grad.abs().sum(3));
  const weights = (await sizes.data()) as Float32Array;
  tf.dispose([loss, logits, grad, sizes]);
  const [n, h, w] = x.shape;
  return heaviest(weights, [n, h, w], side, places);
}

/** Images with a square of uniform values each; `rngs` give them. */
function placed(x: tf.Tensor4D, corners: readonly Corner[], side: number, rngs: readonly Draws[]): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const values = new Float32Array(x.size);
  rngs.forEach((rng, i) => {
    values.set(rng.uniform(h * w * c), i * h * w * c);
  });
  return tf.tidy(() => {
    const mask = squares(corners, side, [h, w]).mul(tf.onesLike(x)).cast('bool');
    return tf.where(mask, tf.tensor4d(values, [n, h, w, c]), x) as tf.Tensor4D;
  });
}

/** A step of every value inside of its square. Where that is, is seen at the first step, and remembered: `memory` is 1 inside. */
function climbed({ x, origin, grad, memory }: Position, side: number, stepSize: number): { x: tf.Tensor4D; memory: tf.Tensor4D } {
  const inside = tf.tidy(() => {
    const [n, h, w] = x.shape;
    const known = memory ?? (tf.zerosLike(x) as tf.Tensor4D);
    const begun = tf.logicalNot(known.max([1, 2, 3], true).greater(0));
    const changed = x.notEqual(origin).max(3).cast('float32') as tf.Tensor3D;
    const seen = squaresAround(changed, side, [n, h, w]).mul(tf.onesLike(x));
    return tf.where(begun.logicalAnd(tf.onesLike(x).cast('bool')), seen, known) as tf.Tensor4D;
  });
  const moved = tf.tidy(() => tf.clipByValue(x.add(grad.sign().mul(inside).mul(stepSize)), 0, 1) as tf.Tensor4D);
  return { x: moved, memory: inside };
}

/** 1 from the first changed row and column of each example on, for `side` of them. */
function squaresAround(changed: tf.Tensor3D, side: number, [, h, w]: readonly [number, number, number]): tf.Tensor4D {
  const along = (axis: 1 | 2, length: number) => {
    const any = changed.max(axis === 1 ? 2 : 1) as tf.Tensor2D;
    const place = tf.range(0, length, 1, 'float32').reshape([1, length]);
    const first = tf.sub(length, any.mul(tf.sub(length, place)).max(1, true));
    return place
      .greaterEqual(first)
      .logicalAnd(place.less(first.add(side)))
      .cast('float32');
  };
  return along(1, h)
    .reshape([-1, h, 1, 1])
    .mul(along(2, w).reshape([-1, 1, w, 1])) as tf.Tensor4D;
}
