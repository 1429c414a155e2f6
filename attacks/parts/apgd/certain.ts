/** When a run of APGD certainly ends without an error: what it gained last, gained again and again, leads to none. */
import { z } from 'zod';

const QUARTERS = 4;

/** A parameter of the attacks whose loss is positive at errors and only there. */
export const untilCertain = z
  .boolean()
  .default(false)
  .describe('a run ends after a quarter of its iterations whose gain, made in each quarter to come, would lead to no error');

/**
 * The best losses of one run, quarter by quarter of its iterations. The step of APGD never grows, and quarters gain less and less: a run
 * whose best loss stays negative though each quarter to come gained what the last one did is given up.
 */
export class Gains {
  readonly #iterations: number;
  /** After the start, and after each quarter. */
  readonly #best: number[] = [];

  constructor(iterations: number) {
    this.#iterations = iterations;
  }

  /** After the `looks`-th point, the start being the first, with the best loss so far. */
  isCertain(looks: number, best: number): boolean {
    const quarter = this.#best.length;
    if (quarter >= QUARTERS || looks !== 1 + Math.ceil((quarter * this.#iterations) / QUARTERS)) return false;
    const before = this.#best.at(-1);
    this.#best.push(best);
    return before !== undefined && best + (best - before) * (QUARTERS - quarter) < 0;
  }
}
