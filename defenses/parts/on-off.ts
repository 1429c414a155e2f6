/** A weight that is off until what it holds down stands out: the schedule of ELLE-A (Abad Rocamora et al. 2024, arXiv 2401.11618, section 4.2). */

/** Follows from the errors seen alone, so that they are all the state that it has. */
export class OnOff {
  /** Of all steps so far. */
  readonly seen: number[] = [];
  readonly #lambda: number;
  readonly #decay: number;
  readonly #sensitivity: number;
  readonly #adaptive: boolean;
  #weight: number;
  #sum = 0;
  #squares = 0;

  /** Always `lambda` unless `adaptive`. */
  constructor(options: { lambda: number; decay: number; sensitivity: number; adaptive: boolean }) {
    this.#lambda = options.lambda;
    this.#decay = options.decay;
    this.#sensitivity = options.sensitivity;
    this.#adaptive = options.adaptive;
    this.#weight = options.adaptive ? 0 : options.lambda;
  }

  /** The weight of the step to come. */
  get now(): number {
    return this.#weight;
  }

  /** The error of a step: more than `sensitivity` deviations above the mean of those before it, three or more, turn the weight on. */
  see(error: number): void {
    if (!this.#adaptive) return;
    const n = this.seen.length;
    const mean = this.#sum / n;
    const deviation = Math.sqrt(Math.max(0, this.#squares / n - mean ** 2));
    const standsOut = n > 2 && error > mean + this.#sensitivity * deviation;
    this.#weight = standsOut ? this.#lambda : this.#weight * this.#decay;
    this.#sum += error;
    this.#squares += error ** 2;
    this.seen.push(error);
  }
}
