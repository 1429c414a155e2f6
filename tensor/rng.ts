/** Random numbers that depend on a key and nothing else: not on batch size, order, worker or machine. */
import { createHash } from 'node:crypto';

/** xoshiro128** (Blackman and Vigna 2018) seeded by the SHA-256 of a key. */
export class Rng {
  readonly key: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spare: number | undefined;

  constructor(key: string) {
    this.key = key;
    const seed = createHash('sha256').update(key).digest();
    this.#a = seed.readInt32LE(0);
    this.#b = seed.readInt32LE(4);
    this.#c = seed.readInt32LE(8);
    this.#d = seed.readInt32LE(12) | 1; // the all-zero state is a fixed point
  }

  /** An independent generator for a part of the work, such as one example: `rng.fork(id)`. It does not advance this one. */
  fork(label: string | number): Rng {
    return new Rng(`${this.key}/${label}`);
  }

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    const r = Math.imul(this.#b, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A number in [0,1). */
  next(): number {
    return this.bits() / 4294967296;
  }

  /** An integer in [0,n), without modulo bias beyond 2^-32. */
  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** A standard normal number (Box and Muller). */
  gauss(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `n` numbers in [low,high). */
  uniform(n: number, low = 0, high = 1): Float32Array {
    const out = new Float32Array(n);
    const span = high - low;
    // `bits` on local variables: three times as fast, and noise is drawn for every pixel
    let [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d];
    for (let i = 0; i < n; i++) {
      const r = Math.imul(b, 5);
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = (d << 11) | (d >>> 21);
      out[i] = low + span * ((Math.imul((r << 7) | (r >>> 25), 9) >>> 0) / 4294967296);
    }
    [this.#a, this.#b, this.#c, this.#d] = [a, b, c, d];
    return out;
  }

  /** `n` standard normal numbers. */
  normal(n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) out[i] = this.gauss();
    return out;
  }

  /** 0..n-1 in random order (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
    return order;
  }
}

/** Draws nothing: for a network whose weights are about to be loaded. */
export class NoDraws extends Rng {
  constructor() {
    super('no draws');
  }
  override fork(): Rng {
    return this;
  }
  override uniform(n: number): Float32Array<ArrayBuffer> {
    return new Float32Array(n);
  }
  override normal(n: number): Float32Array<ArrayBuffer> {
    return new Float32Array(n);
  }
}
