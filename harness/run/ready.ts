/** What waits for its turn: the one with the most work behind it first, of equals the one that came first. */
import TinyQueue from 'tinyqueue';

interface Waiting<T> {
  readonly item: T;
  readonly behind: number;
  /** Which of all that came it was. */
  readonly nth: number;
}

export class Ready<T> {
  readonly #waiting = new TinyQueue<Waiting<T>>([], (a, b) => b.behind - a.behind || a.nth - b.nth);
  #came = 0;

  add(item: T, behind: number): void {
    this.#waiting.push({ item, behind, nth: this.#came++ });
  }

  /** Undefined where nothing waits. */
  take(): T | undefined {
    return this.#waiting.pop()?.item;
  }
}
