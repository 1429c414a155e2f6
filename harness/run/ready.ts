/** What waits for its turn: the one with the most work behind it first, of equals the one that came first. A binary heap. */
interface Waiting<T> {
  readonly item: T;
  readonly behind: number;
  /** Which of all that came it was. */
  readonly nth: number;
}

const before = <T>(a: Waiting<T>, b: Waiting<T>) => a.behind > b.behind || (a.behind === b.behind && a.nth < b.nth);

export class Ready<T> {
  /** None is before the one at half its place. */
  readonly #heap: Waiting<T>[] = [];
  #came = 0;

  add(item: T, behind: number): void {
    const waiting = { item, behind, nth: this.#came++ };
    let at = this.#heap.length;
    for (let up = (at - 1) >> 1; at > 0 && before(waiting, this.#at(up)); up = (at - 1) >> 1) {
      this.#heap[at] = this.#at(up);
      at = up;
    }
    this.#heap[at] = waiting;
  }

  /** Undefined where nothing waits. */
  take(): T | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) this.#sink(last);
    return first?.item;
  }

  /** Puts it where it belongs, from the top. */
  #sink(waiting: Waiting<T>): void {
    const { length } = this.#heap;
    for (let at = 0; ; ) {
      let down = 2 * at + 1;
      if (down + 1 < length && before(this.#at(down + 1), this.#at(down))) down++;
      const ends = down >= length || !before(this.#at(down), waiting);
      this.#heap[at] = ends ? waiting : this.#at(down);
      if (ends) return;
      at = down;
    }
  }

  #at(place: number): Waiting<T> {
    return this.#heap[place] as Waiting<T>;
  }
}
