/** Which example is tried next: attempts (restarts, targets, draws) of every example in order, until one breaks it. */
import type { Attempt } from '../../attack.ts';

/** Below so many examples in a pass engines lose speed, so that later attempts of one example are tried beside earlier ones. */
const SPECULATE_BELOW = 16;

/**
 * Attempts of one example run one after the other, and stop at the first that succeeds. Where passes would be nearly empty, later attempts run beside earlier ones;
 * the earliest attempt that succeeds still counts, so the outcome does not depend on how the work was cut.
 */
export class Board {
  readonly #attempts: number;
  readonly #inOrder: boolean;
  readonly #queue: number[];
  readonly #next: Int32Array;
  readonly #flying: Int32Array;
  /** The earliest attempt that broke each example; `attempts` where none has. */
  readonly #broken: Int32Array;

  /** `inOrder`: no attempt runs beside an earlier one. */
  constructor(rows: number, attempts: number, { inOrder = false } = {}) {
    this.#attempts = attempts;
    this.#inOrder = inOrder;
    this.#queue = Array.from({ length: rows }, (_, i) => i);
    this.#next = new Int32Array(rows);
    this.#flying = new Int32Array(rows);
    this.#broken = new Int32Array(rows).fill(attempts);
  }

  /** Up to `room` attempts to begin beside `running` others. */
  take(room: number, running: number): Attempt[] {
    const attempts: Attempt[] = [];
    while (attempts.length < room) {
      const row = this.#queue.shift() ?? this.#early(running + attempts.length);
      if (row === undefined) break;
      attempts.push({ row, nth: this.#next[row] as number });
      this.#next[row] = (this.#next[row] as number) + 1;
      this.#flying[row] = (this.#flying[row] as number) + 1;
    }
    return attempts;
  }

  /** The example with the fewest attempts begun, when passes would be nearly empty without it. */
  #early(running: number): number | undefined {
    if (this.#inOrder || running >= SPECULATE_BELOW) return undefined;
    let best: number | undefined;
    this.#next.forEach((next, row) => {
      const open = next < (this.#broken[row] as number) && next < this.#attempts;
      if (open && (best === undefined || next < (this.#next[best] as number))) best = row;
    });
    return best;
  }

  /** Ends an attempt. True when it broke its example earlier than any other attempt did. */
  finish({ row, nth }: Attempt, broke: boolean): boolean {
    const flying = (this.#flying[row] as number) - 1;
    this.#flying[row] = flying;
    const first = broke && nth < (this.#broken[row] as number);
    if (first) this.#broken[row] = nth;
    const unbroken = this.#broken[row] === this.#attempts;
    if (unbroken && flying === 0 && (this.#next[row] as number) < this.#attempts) this.#queue.push(row);
    return first;
  }

  /** Attempts begun ahead that an earlier one made useless: one after the other, they would never have run. */
  thrownAway(): Attempt[] {
    return Array.from(this.#next).flatMap((next, row) => {
      const first = (this.#broken[row] as number) + 1;
      return Array.from({ length: Math.max(next - first, 0) }, (_, i) => ({ row, nth: first + i }));
    });
  }

  /** Whether an earlier attempt has broken the example already, so that this attempt is of no use. */
  obsolete({ row, nth }: Attempt): boolean {
    return nth > (this.#broken[row] as number);
  }
}
