/** HopSkipJump, Chen, Jordan and Wainwright 2020 (arXiv 1904.02144), algorithm 2: along the decision boundary toward the image, by labels alone. */
import { z } from 'zod';
import { atNorm } from '../tensor/norms/index.ts';
import type { Rng } from '../tensor/rng.ts';
import type { Shape } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { BOUNDARY, BOUNDARY_NORMS, type Geometry } from './parts/decision/geometry.ts';
import { ask, type Questions } from './parts/decision/inquiry.ts';
import { decisionSearch } from './parts/decision/pass.ts';
import { wrongStart } from './parts/decision/start.ts';

const params = z.strictObject({
  queries: z.number().int().min(1).default(5000).describe('decisions per example, those for the starting point included'),
  probes: z
    .number()
    .int()
    .min(1)
    .default(100)
    .describe('decisions for the first estimate of the direction; the t-th has sqrt(t) times as many'),
  mostProbes: z.number().int().min(1).default(10_000).describe('the most for one estimate'),
  gamma: z
    .number()
    .positive()
    .default(1)
    .describe(
      'how far from the boundary the probes lie and how near the search by halves comes to it; above 1 for a model that rounds its input',
    ),
});
export type HopSkipJumpParams = z.infer<typeof params>;

export default defineAttack<HopSkipJumpParams>({
  name: 'hopskipjump',
  title: 'HopSkipJump',
  paper: 'Chen, Jordan and Wainwright 2020 (arXiv 1904.02144)',
  references: [
    {
      key: 'chen2020hopskipjumpattack',
      author: 'Chen, Jianbo and Jordan, Michael I. and Wainwright, Martin J.',
      title: 'HopSkipJumpAttack: A Query-Efficient Decision-Based Attack',
      venue: 'IEEE Symposium on Security and Privacy',
      year: 2020,
      arxiv: '1904.02144',
    },
  ],
  version: 1,
  access: 'decision',
  norms: BOUNDARY_NORMS,
  params,
  streams: true,
  cost: ({ queries }) => ({ forward: queries, backward: 0 }),
  create: (p) => ({
    perturb(batch, target, threat, run) {
      const geometry = atNorm(BOUNDARY, threat.norm, 'attack hopskipjump');
      return decisionSearch(batch, target, threat, run, {
        queries: p.queries,
        distance: geometry.distance,
        questions: (clean, rng) => hopSkipJump(clean, target.inputShape, geometry, p, rng),
      });
    },
  }),
});

/** How near to the boundary the start comes, as a share of its way. */
const START = 1 / 64;

/** The search at one image, `clean`, whose points come nearer and nearer to it. */
export function* hopSkipJump(clean: Float32Array, shape: Shape, geometry: Geometry, p: HopSkipJumpParams, rng: Rng): Questions<never> {
  let far = yield* blended(clean, yield* wrongStart(shape, rng));
  for (let t = 1; ; t++) {
    const distance = geometry.distance(far, clean);
    const near = yield* toBoundary(clean, far, geometry, p.gamma);
    const reach = t === 1 ? 0.1 : (p.gamma / clean.length) * distance;
    const probes = Math.min(Math.floor(p.probes * Math.sqrt(t)), p.mostProbes);
    const gradient = yield* estimate(near, reach, probes, geometry, rng);
    far = yield* jump(near, geometry.steepest(gradient), geometry.distance(near, clean) / Math.sqrt(t));
  }
}

/** Halves the straight way to a wrong start. In Linf, where a search by halves goes along another way, the point nearer on this one is the better start. */
function* blended(clean: Float32Array, start: Float32Array): Questions<Float32Array> {
  let far = start;
  let [right, wrong] = [0, 1];
  while (wrong - right > START) {
    const share = (right + wrong) / 2;
    const point = clean.map((v, i) => v + share * ((start[i] as number) - v));
    if (yield* ask(point)) {
      wrong = share;
      far = point;
    } else right = share;
  }
  return far;
}

/** Halves the way from `clean`, which is right, to `far`, which is wrong, down to a wrong point beside the boundary. */
function* toBoundary(clean: Float32Array, far: Float32Array, geometry: Geometry, gamma: number): Questions<Float32Array> {
  const precision = gamma * geometry.precision(clean.length, geometry.distance(far, clean));
  let [right, wrong] = [0, 1];
  let near = far;
  while (wrong - right > precision) {
    const share = (right + wrong) / 2;
    const point = geometry.between(clean, far, share);
    if (yield* ask(point)) {
      wrong = share;
      near = point;
    } else right = share;
  }
  return near;
}

/** The direction in which a boundary point becomes wrong, of any length: the mean of random directions, each with the sign of its decision (eq. 9 and 16). */
function* estimate(at: Float32Array, reach: number, probes: number, geometry: Geometry, rng: Rng): Questions<Float64Array> {
  const d = at.length;
  // sums over the moves that led to a wrong class, and over all
  const [toWrong, all] = [new Float64Array(d), new Float64Array(d)];
  let wrongs = 0;
  yield {
    points: probes,
    write(out) {
      const u = geometry.direction(d, rng);
      for (let i = 0; i < d; i++) out[i] = Math.min(Math.max((at[i] as number) + reach * (u[i] as number), 0), 1);
    },
    hear(point, wrong) {
      if (wrong) wrongs++;
      for (let i = 0; i < d; i++) {
        const move = (point[i] as number) - (at[i] as number);
        all[i] = (all[i] as number) + move;
        if (wrong) toWrong[i] = (toWrong[i] as number) + move;
      }
    },
  };
  // decisions of +1 and -1, less their mean, which lowers the variance; where all are one, their mean says which
  const mean = (2 * wrongs) / probes - 1;
  const baseline = Math.abs(mean) === 1 ? 0 : mean;
  return toWrong.map((v, i) => 2 * v - (1 + baseline) * (all[i] as number));
}

/** The first wrong point along `direction`, from `length` on and halved as long as it is right. */
function* jump(from: Float32Array, direction: Float64Array, length: number): Questions<Float32Array> {
  for (let step = length; ; step /= 2) {
    const point = from.map((v, i) => Math.min(Math.max(v + step * (direction[i] as number), 0), 1));
    if (yield* ask(point)) return point;
  }
}
