/** Square attack, Andriushchenko et al. 2020 (arXiv 1912.00049): random search with square windows, by scores alone. */
import { z } from 'zod';
import type { tf } from '../tensor/tf.ts';
import { type Attempt, defineAttack, type Target, type Threat } from './attack.ts';
import { ANDRIUSHCHENKO_2020 } from './parts/papers.ts';
import { Attempts, type Pass } from './parts/search/attempts.ts';
import { type Points, pointsOf } from './parts/square/points.ts';
import { proposals, SQUARE_NORMS } from './parts/square/proposals.ts';
import { shareOfPixels, sideOf } from './parts/square/shapes.ts';

const params = z.strictObject({
  queries: z.number().int().min(1).default(5000).describe('proposals per restart, after the starting point'),
  p: z.number().positive().max(1).default(0.8).describe('share of the pixels that the first windows change'),
  restarts: z.number().int().min(1).default(1).describe('random starts per example; later ones only for examples still right'),
  rescale: z
    .boolean()
    .default(false)
    .describe('whether the schedule of window sizes, made for 10,000 queries, is squeezed into `queries`; AutoAttack leaves it as it is'),
});
export type SquareParams = z.infer<typeof params>;

/** One example in the pass. */
interface Lane {
  readonly attempt: Attempt;
  /** The right logit less the largest other, at its best point; it falls. */
  margin: number;
  /** Proposals made; -1 before the starting point. */
  query: number;
}

export default defineAttack<SquareParams>({
  name: 'square',
  title: 'Square',
  paper: 'Andriushchenko, Croce, Flammarion and Hein 2020 (arXiv 1912.00049)',
  references: [ANDRIUSHCHENKO_2020],
  version: 1,
  access: 'scores',
  norms: SQUARE_NORMS,
  params,
  streams: true,
  cost: ({ queries, restarts }) => ({ forward: restarts * (queries + 1), backward: 0 }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const attempts = new Attempts(batch, target, run, { attempts: p.restarts, iterations: p.restarts * (p.queries + 1) - 1 });
      return attempts.workOff(new SquarePass(attempts, target, threat, run.batchSize, p));
    },
  }),
});

class SquarePass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #p: SquareParams;
  readonly #lanes: Lane[] = [];
  readonly #shaped: boolean;
  /** One row per lane. */
  readonly #points: Points;

  constructor(attempts: Attempts, target: Target, threat: Threat, batchSize: number, p: SquareParams) {
    this.#attempts = attempts;
    this.#target = target;
    this.#p = p;
    const proposed = proposals(target.inputShape, threat);
    this.#shaped = proposed.shaped;
    this.#points = pointsOf(proposed, target.inputShape, batchSize);
  }

  get running(): number {
    return this.#lanes.length;
  }

  async begin(attempts: readonly Attempt[], images: tf.Tensor4D): Promise<void> {
    await this.#points.begin(
      images,
      attempts.map((attempt) => this.#attempts.rngOf(attempt)),
    );
    for (const attempt of attempts) this.#lanes.push({ attempt, margin: Number.POSITIVE_INFINITY, query: -1 });
  }

  /** The side of a lane's next window; undefined for the starting point. */
  #sideOf({ query }: Lane): number | undefined {
    const [h, w] = this.#target.inputShape;
    const { p, queries, rescale } = this.#p;
    return query < 0 ? undefined : sideOf(shareOfPixels(p, query, queries, rescale), h, w, this.#shaped);
  }

  /** One query of every lane. */
  async advance(): Promise<void> {
    const x = this.#points.ask(this.#lanes.map((lane) => this.#sideOf(lane)));
    const logits = this.#target.logits(
      x,
      this.#lanes.map((lane) => lane.attempt),
    );
    const scores = (await logits.data()) as Float32Array;
    logits.dispose();
    const verdicts = this.#lanes.map((lane, i) => this.#judge(lane, i, scores));
    this.#points.better(verdicts.map((v) => v.better));
    const broken = verdicts.flatMap((v, i) => (v.broken ? [i] : []));
    this.#settle(x, broken);
    x.dispose();
    this.#leave(new Set(broken));
  }

  /** Whether the point of lane `i` is better than those before, and whether it is misclassified. */
  #judge(lane: Lane, i: number, scores: Float32Array): { better: boolean; broken: boolean } {
    const classes = this.#target.classes;
    const label = this.#attempts.labelOf(lane.attempt);
    const right = scores[i * classes + label] as number;
    let wrong = Number.NEGATIVE_INFINITY;
    let broken = false;
    for (let k = 0; k < classes; k++) {
      if (k === label) continue;
      const score = scores[i * classes + k] as number;
      wrong = Math.max(wrong, score);
      // the first of equals is what the classifier says
      broken ||= score > right || (score === right && k < label);
    }
    const margin = right - wrong;
    const better = margin < lane.margin;
    if (better) lane.margin = margin;
    lane.query++;
    return { better, broken };
  }

  #settle(x: tf.Tensor4D, broken: readonly number[]): void {
    const finds = broken.flatMap((place) => {
      const { attempt, query } = this.#lanes[place] as Lane;
      return this.#attempts.end(attempt, true) ? [{ place, attempt, iteration: attempt.nth * (this.#p.queries + 1) + query }] : [];
    });
    this.#attempts.keep(x, finds);
  }

  /** Lanes that are broken, out of queries or of no use any more go. */
  #leave(broken: ReadonlySet<number>): void {
    const stay = this.#lanes.flatMap((lane, i) => {
      if (broken.has(i)) return [];
      const over = lane.query >= this.#p.queries || this.#attempts.obsolete(lane.attempt);
      if (over) this.#attempts.end(lane.attempt, false);
      return over ? [] : [i];
    });
    this.#points.keep(stay);
    this.#lanes.splice(0, this.#lanes.length, ...stay.map((i) => this.#lanes[i] as Lane));
  }

  dispose(): void {
    this.#lanes.length = 0;
    this.#points.dispose();
  }
}
