/** Searches that see labels alone, many images beside each other: their questions share full passes, whatever each of them is at. */
import type { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Attempt, Batch, Target, Threat } from '../../attack.ts';
import { Attempts, type Pass } from '../search/attempts.ts';
import type { Inquiry, Questions } from './inquiry.ts';

export interface DecisionSearch {
  /** Decisions per example. */
  readonly queries: number;
  /** How far a point lies from the image, in the norm of the threat: one inside the ball that is misclassified ends the search. */
  distance(point: Float32Array, clean: Float32Array): number;
  questions(clean: Float32Array, rng: Rng): Questions<never>;
}

/** One example in the pass. */
interface Lane {
  readonly attempt: Attempt;
  readonly clean: Float32Array;
  readonly questions: Questions<never>;
  readonly inquiry: Inquiry;
  /** Points of `inquiry` that no pass has taken yet. */
  pending: number;
  /** Decisions so far. */
  asked: number;
  found: boolean;
}

/**
 * Asks for each example until a misclassified point lies in the ball or the queries are spent; returns what `Attack.perturb` must.
 * Passes per example that stays right: `queries` forward.
 */
export async function decisionSearch(
  batch: Batch,
  target: Target,
  threat: Threat,
  run: AttackRun,
  search: DecisionSearch,
): Promise<tf.Tensor4D> {
  if (target.classes < 2) return batch.x.clone(); // there is no wrong class
  const attempts = new Attempts(batch, target, run, { attempts: 1, iterations: search.queries - 1 });
  return attempts.workOff(new DecisionPass(attempts, target, threat, run.batchSize, search));
}

class DecisionPass implements Pass {
  readonly #attempts: Attempts;
  readonly #target: Target;
  readonly #eps: number;
  readonly #batchSize: number;
  readonly #search: DecisionSearch;
  readonly #d: number;
  #lanes: Lane[] = [];
  /** The points to ask about, one row each. */
  readonly #points: Float32Array;

  constructor(attempts: Attempts, target: Target, { eps }: Threat, batchSize: number, search: DecisionSearch) {
    this.#attempts = attempts;
    this.#target = target;
    this.#eps = eps;
    this.#batchSize = batchSize;
    this.#search = search;
    const [h, w, c] = target.inputShape;
    this.#d = h * w * c;
    this.#points = new Float32Array(batchSize * this.#d);
  }

  get running(): number {
    const points = this.#lanes.reduce((sum, { pending }) => sum + pending, 0);
    return Math.min(points, this.#batchSize);
  }

  async begin(attempts: readonly Attempt[], images: tf.Tensor4D): Promise<void> {
    const values = (await images.data()) as Float32Array;
    images.dispose();
    attempts.forEach((attempt, i) => {
      const clean = values.slice(i * this.#d, (i + 1) * this.#d);
      const questions = this.#search.questions(clean, this.#attempts.rngOf(attempt));
      this.#lanes.push(this.#asking({ attempt, clean, questions, asked: 0, found: false }));
    });
  }

  /** With its next inquiry, of which it never asks more than is left to it. */
  #asking(lane: Omit<Lane, 'inquiry' | 'pending'>): Lane {
    const inquiry = lane.questions.next().value;
    return { ...lane, inquiry, pending: Math.min(inquiry.points, this.#search.queries - lane.asked) };
  }

  /** One pass, those before that have asked least. */
  async advance(): Promise<void> {
    const rows = this.#write();
    const x = tf.tensor4d(this.#points.subarray(0, rows.length * this.#d), [rows.length, ...this.#target.inputShape]);
    const decisions = this.#target.decisions(
      x,
      rows.map((lane) => lane.attempt),
    );
    const predicted = await decisions.data();
    decisions.dispose();
    rows.forEach((lane, row) => {
      this.#hear(lane, row, predicted[row] as number, x);
    });
    x.dispose();
    this.#lanes = this.#lanes.flatMap((lane) => (lane.pending > 0 ? [lane] : this.#goOn(lane)));
  }

  /** Writes the points of the next pass; whose each row is. */
  #write(): Lane[] {
    const rows: Lane[] = [];
    for (const lane of [...this.#lanes].sort((a, b) => a.asked - b.asked))
      for (; lane.pending > 0 && rows.length < this.#batchSize; lane.pending--) {
        lane.inquiry.write(this.#pointOf(rows.length));
        rows.push(lane);
      }
    return rows;
  }

  #pointOf(row: number): Float32Array {
    return this.#points.subarray(row * this.#d, (row + 1) * this.#d);
  }

  #hear(lane: Lane, row: number, predicted: number, x: tf.Tensor4D): void {
    const point = this.#pointOf(row);
    const wrong = predicted !== this.#attempts.labelOf(lane.attempt);
    const iteration = lane.asked++;
    lane.inquiry.hear(point, wrong);
    if (lane.found || !wrong || !this.#inBall(lane, point)) return;
    lane.found = true;
    if (this.#attempts.end(lane.attempt, true)) this.#attempts.keep(x, [{ place: row, attempt: lane.attempt, iteration }]);
  }

  #inBall({ clean }: Lane, point: Float32Array): boolean {
    return this.#search.distance(point, clean) <= this.#eps;
  }

  /** A lane whose inquiry is answered, with the next. All of an inquiry is asked, also after a find, so that no count depends on the passes. */
  #goOn(lane: Lane): Lane[] {
    if (lane.found) return [];
    if (lane.asked < this.#search.queries) return [this.#asking(lane)];
    this.#attempts.end(lane.attempt, false);
    return [];
  }

  dispose(): void {
    this.#lanes.length = 0;
  }
}
