/** RayS, Chen and Gu 2020 (arXiv 2006.12792), algorithm 3: a search over directions of signs, block by block, by labels alone. */
import { z } from 'zod';
import type { Shape } from '../tensor/tf.ts';
import { defineAttack } from './attack.ts';
import { BOUNDARY } from './parts/decision/geometry.ts';
import { ask, type Questions } from './parts/decision/inquiry.ts';
import { decisionSearch } from './parts/decision/pass.ts';

const params = z.strictObject({
  queries: z.number().int().min(1).default(5000).describe('decisions per example'),
});

/** How near to the boundary a search by halves comes, as the Euclidean length of the move: that of the published code. */
const TOLERANCE = 1e-3;

export default defineAttack<z.infer<typeof params>>({
  name: 'rays',
  title: 'RayS',
  paper: 'Chen and Gu 2020 (arXiv 2006.12792)',
  references: [
    {
      key: 'chen2020rays',
      author: 'Chen, Jinghui and Gu, Quanquan',
      title: 'RayS: A Ray Searching Method for Hard-label Adversarial Attack',
      venue: 'ACM SIGKDD International Conference on Knowledge Discovery and Data Mining',
      year: 2020,
      arxiv: '2006.12792',
    },
  ],
  version: 1,
  access: 'decision',
  norms: ['Linf'],
  params,
  streams: true,
  cost: ({ queries }) => ({ forward: queries, backward: 0 }),
  create: ({ queries }) => ({
    perturb: (batch, target, threat, run) =>
      decisionSearch(batch, target, threat, run, {
        queries,
        distance: BOUNDARY.Linf.distance,
        questions: (clean) => rayS(clean, target.inputShape),
      }),
  }),
});

/**
 * The search at one image, `clean`; it draws nothing. From all signs positive on, a block of signs is turned, and stays so where the way to
 * the boundary has become shorter; each round over the image has blocks of half the size.
 */
export function* rayS(clean: Float32Array, [h, w, c]: Shape): Questions<never> {
  const d = clean.length;
  const signs = new Float32Array(d).fill(1);
  // blocks are of one channel, then of the next, as in the published code; in memory the channels of a pixel lie beside each other
  const placeOf = (i: number) => (i % (h * w)) * c + Math.floor(i / (h * w));
  const turn = (from: number, to: number) => {
    for (let i = from; i < to; i++) signs[placeOf(i)] = -(signs[placeOf(i)] as number);
  };
  let shortest = Number.POSITIVE_INFINITY;
  for (let size = d; ; size = Math.ceil(size / 2))
    for (let from = 0; from < d; from += size) {
      const to = Math.min(from + size, d);
      turn(from, to);
      const radius = yield* along(clean, signs, shortest);
      if (radius < shortest) shortest = radius;
      else turn(from, to);
    }
}

/** The radius at which the way along `signs` enters a wrong class; infinite where it has not at `shortest`, nor at the end of the box. */
function* along(clean: Float32Array, signs: Float32Array, shortest: number): Questions<number> {
  const at = (radius: number) => clean.map((v, i) => Math.min(Math.max(v + radius * (signs[i] as number), 0), 1));
  let [right, wrong] = [0, Math.min(shortest, 1)];
  if (!(yield* ask(at(wrong)))) return Number.POSITIVE_INFINITY;
  while (wrong - right > TOLERANCE / Math.sqrt(clean.length)) {
    const radius = (right + wrong) / 2;
    if (yield* ask(at(radius))) wrong = radius;
    else right = radius;
  }
  return wrong;
}
