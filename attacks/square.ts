/** Square attack, Andriushchenko et al. 2020 (arXiv 1912.00049): random search with square windows, by scores alone. */
import { z } from 'zod';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { type AttackRun, type Batch, defineAttack, type Target, type Threat } from './attack.ts';
import { Board, type Job } from './parts/board.ts';
import { Outcome, rowsOf, turn } from './parts/outcome.ts';
import { type Proposals, proposals } from './parts/square-proposals.ts';
import { shareOfPixels, sideOf } from './parts/square-shapes.ts';

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
  readonly job: Job;
  readonly rng: Rng;
  readonly clean: Float32Array;
  readonly best: Float32Array;
  /** The right logit less the largest other, at `best`; it falls. */
  margin: number;
  /** Proposals made; -1 before the starting point. */
  query: number;
}

export default defineAttack<SquareParams>({
  name: 'square',
  title: 'Square',
  paper: 'Andriushchenko, Croce, Flammarion and Hein 2020 (arXiv 1912.00049)',
  version: 1,
  access: 'scores',
  norms: ['Linf', 'L2', 'L1'],
  params,
  streams: true,
  cost: ({ queries, restarts }) => ({ forward: restarts * (queries + 1), backward: 0 }),
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      const work = new Work(batch, target, threat, run, p);
      try {
        while (await work.refill()) {
          await turn(run.signal);
          await work.query();
        }
        return work.finish();
      } finally {
        work.dispose();
      }
    },
  }),
});

class Work {
  readonly #batch: Batch;
  readonly #target: Target;
  readonly #run: AttackRun;
  readonly #p: SquareParams;
  readonly #board: Board;
  readonly #outcome: Outcome;
  readonly #proposals: Proposals;
  readonly #lanes: Lane[] = [];
  readonly #d: number;
  /** The points to ask for, one row per lane. */
  readonly #points: Float32Array;

  constructor(batch: Batch, target: Target, threat: Threat, run: AttackRun, p: SquareParams) {
    this.#batch = batch;
    this.#target = target;
    this.#run = run;
    this.#p = p;
    this.#board = new Board(batch.ids.length, p.restarts);
    this.#outcome = new Outcome(batch);
    const [h, w, c] = target.inputShape;
    this.#proposals = proposals([h, w, c], threat);
    this.#d = h * w * c;
    this.#points = new Float32Array(run.batchSize * this.#d);
  }

  /** Fills the pass from the queue; false when nothing is left to do. */
  async refill(): Promise<boolean> {
    const jobs = this.#board.take(this.#run.batchSize - this.#lanes.length, this.#lanes.length);
    if (jobs.length > 0) {
      const clean = rowsOf(
        this.#batch.x,
        jobs.map((j) => j.row),
      );
      const values = (await clean.data()) as Float32Array;
      clean.dispose();
      jobs.forEach((job, i) => {
        this.#lanes.push({
          job,
          rng: this.#run.rng.fork(this.#batch.ids[job.row] as number).fork(job.attempt),
          clean: values.slice(i * this.#d, (i + 1) * this.#d),
          best: new Float32Array(this.#d),
          margin: Number.POSITIVE_INFINITY,
          query: -1,
        });
      });
    }
    return this.#lanes.length > 0;
  }

  #pointOf(i: number): Float32Array {
    return this.#points.subarray(i * this.#d, (i + 1) * this.#d);
  }

  #write({ clean, best, rng, query }: Lane, out: Float32Array): void {
    const [h, w] = this.#target.inputShape;
    const { p, queries, rescale } = this.#p;
    if (query < 0) this.#proposals.start(clean, out, rng);
    else {
      const side = sideOf(shareOfPixels(p, query, queries, rescale), h, w, this.#proposals.shaped);
      this.#proposals.propose(clean, best, out, side, rng);
    }
  }

  /** One query of every lane. */
  async query(): Promise<void> {
    this.#lanes.forEach((lane, i) => {
      this.#write(lane, this.#pointOf(i));
    });
    const n = this.#lanes.length;
    const x = tf.tensor4d(this.#points.subarray(0, n * this.#d), [n, ...this.#target.inputShape]);
    const logits = this.#target.logits(x);
    const scores = (await logits.data()) as Float32Array;
    logits.dispose();
    const broken = this.#lanes.flatMap((lane, i) => (this.#judge(lane, i, scores) ? [i] : []));
    this.#settle(x, broken);
    x.dispose();
    this.#leave(new Set(broken));
  }

  /** Keeps the point of lane `i` when it is better; true when it is misclassified. */
  #judge(lane: Lane, i: number, scores: Float32Array): boolean {
    const classes = this.#target.classes;
    const label = this.#batch.labels[lane.job.row] as number;
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
    if (margin < lane.margin) {
      lane.margin = margin;
      lane.best.set(this.#pointOf(i));
    }
    lane.query++;
    return broken;
  }

  #settle(x: tf.Tensor4D, broken: readonly number[]): void {
    const first = broken.filter((i) => this.#board.finish((this.#lanes[i] as Lane).job, true));
    const lanes = first.map((i) => this.#lanes[i] as Lane);
    this.#outcome.found(
      x,
      first,
      lanes.map(({ job }) => job.row),
      lanes.map(({ job, query }) => job.attempt * (this.#p.queries + 1) + query),
    );
  }

  /** Lanes that are broken, out of queries or of no use any more go. */
  #leave(broken: ReadonlySet<number>): void {
    const stay = this.#lanes.filter((lane, i) => {
      if (broken.has(i)) return false;
      const over = lane.query >= this.#p.queries || this.#board.obsolete(lane.job);
      if (over) this.#board.finish(lane.job, false);
      return !over;
    });
    this.#lanes.splice(0, this.#lanes.length, ...stay);
  }

  finish(): tf.Tensor4D {
    return this.#outcome.finish(this.#run, this.#p.restarts * (this.#p.queries + 1) - 1);
  }

  dispose(): void {
    this.#outcome.dispose();
  }
}
