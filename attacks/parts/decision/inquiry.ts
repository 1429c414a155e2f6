/** How a search that sees labels alone asks: it yields what it wants to know of one image, and goes on when all of it is answered. */

/** Points to be asked about: each is written when a pass has room for it, and answered in the order of writing. */
export interface Inquiry {
  readonly points: number;
  /** Writes the next point, `h * w * c` numbers in [0,1], row by row. */
  write(out: Float32Array): void;
  /** Whether the next point written is misclassified. `point` is lent. */
  hear(point: Float32Array, wrong: boolean): void;
}

/** Questions until there is a `T`; a search that goes on until it is not asked for more has `never`. */
export type Questions<T> = Generator<Inquiry, T, void>;

/** Asks about one point: whether it is misclassified. */
export function* ask(point: Float32Array): Questions<boolean> {
  let answer = false;
  yield {
    points: 1,
    write: (out) => out.set(point),
    hear(_, wrong) {
      answer = wrong;
    },
  };
  return answer;
}
