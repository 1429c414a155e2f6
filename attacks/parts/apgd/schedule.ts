/** When APGD shortens its step and goes back to its best point: one schedule per run, fed one loss per iteration. */

export interface Verdict {
  /** The loss is the best so far. */
  readonly improved: boolean;
  /** Go on from the best point. */
  readonly restart: boolean;
}

export interface Schedule {
  /** In units of the first step. */
  readonly step: number;
  /** Best loss so far. */
  readonly best: number;
  /** Share of the coordinates that a sparse step moves (L1). */
  readonly density: number;
  /** The loss of the start; `nonzero` is the number of coordinates in which it differs from the image (L1). */
  begin(loss: number, nonzero: number): void;
  /** The loss after the next iteration. */
  observe(loss: number, nonzero: number): Verdict;
}

const share = (part: number, iterations: number) => Math.max(Math.floor(part * iterations), 1);

/**
 * Linf and L2, Croce and Hein 2020 (arXiv 2003.01690), section 3.2 and algorithm 1: at checkpoints, 22 % of the iterations in and then
 * ever closer (3 points less, never under 6), the step is halved where fewer than `rho` of the iterations since the last one raised
 * the loss, or where neither step nor best loss has changed since.
 */
export class HalvingSchedule implements Schedule {
  readonly density = 1;
  readonly #rho: number;
  readonly #shorter: number;
  readonly #shortest: number;
  #window: number;
  #step = 1;
  #best = Number.NaN;
  #bestAtLast = Number.NaN;
  #halvedAtLast = true;
  #since = 0;
  #rises = 0;
  /** The loss of the iteration before; the authors' code compares the first iteration's with 0 (with itself when it is the only one). */
  #before: number;

  constructor(iterations: number, rho: number) {
    this.#rho = rho;
    this.#window = share(0.22, iterations);
    this.#shortest = share(0.06, iterations);
    this.#shorter = share(0.03, iterations);
    this.#before = iterations === 1 ? Number.POSITIVE_INFINITY : 0;
  }

  get step(): number {
    return this.#step;
  }
  get best(): number {
    return this.#best;
  }

  begin(loss: number): void {
    this.#best = loss;
    this.#bestAtLast = loss;
  }

  observe(loss: number): Verdict {
    if (loss > this.#before) this.#rises++;
    this.#before = loss;
    const improved = loss > this.#best;
    if (improved) this.#best = loss;
    if (++this.#since < this.#window) return { improved, restart: false };
    const oscillates = this.#rises <= this.#window * this.#rho;
    const stuck = !this.#halvedAtLast && this.#bestAtLast >= this.#best;
    const restart = oscillates || stuck;
    if (restart) this.#step /= 2;
    this.#halvedAtLast = restart;
    this.#bestAtLast = this.#best;
    this.#window = Math.max(this.#window - this.#shorter, this.#shortest);
    this.#since = 0;
    this.#rises = 0;
    return { improved, restart };
  }
}

/** In float32 as the authors compute it: the share is cut to whole coordinates later, where the last bit decides. */
const twoThirds = (part: number, size: number) => Math.fround(Math.fround(part / size) / 1.5);

/**
 * L1, Croce and Hein 2021 (arXiv 2103.01208), algorithm 1: every 4 % of the iterations, the share of coordinates to move becomes two
 * thirds of those that the best point has moved; the step starts anew where that point became sparser by 5 %, else it shrinks by 1.5 to a tenth at least.
 */
export class SparseSchedule implements Schedule {
  readonly #window: number;
  readonly #size: number;
  readonly #warm: boolean;
  #step = 1;
  #density = 0.2;
  #best = Number.NaN;
  #bestNonzero = 0;
  #nonzeroAtLast: number;
  #since = 0;

  /** `size` coordinates per example; `warm` when the start is the end of another run, whose sparsity is kept. */
  constructor(iterations: number, size: number, warm: boolean) {
    this.#window = share(0.04, iterations);
    this.#size = size;
    this.#warm = warm;
    this.#nonzeroAtLast = size;
  }

  get step(): number {
    return this.#step;
  }
  get best(): number {
    return this.#best;
  }
  get density(): number {
    return this.#density;
  }

  begin(loss: number, nonzero: number): void {
    this.#best = loss;
    this.#bestNonzero = nonzero;
    if (!this.#warm) return;
    this.#density = twoThirds(nonzero, this.#size);
    this.#nonzeroAtLast = nonzero;
  }

  observe(loss: number, nonzero: number): Verdict {
    const improved = loss > this.#best;
    if (improved) {
      this.#best = loss;
      this.#bestNonzero = nonzero;
    }
    if (++this.#since < this.#window) return { improved, restart: false };
    const sparser = this.#bestNonzero / this.#nonzeroAtLast < 0.95;
    this.#density = twoThirds(this.#bestNonzero, this.#size);
    this.#step = sparser ? 1 : Math.max(this.#step / 1.5, 0.1);
    this.#nonzeroAtLast = this.#bestNonzero;
    this.#since = 0;
    return { improved, restart: sparser };
  }
}
