/** What is used of Node's `crypto` where there is none: SHA-256 (FIPS 180-4), at once rather than later as the browser's own, and on pages without TLS too. */

/** The first 32 bits of the fractional parts of a root of a prime. */
const fraction = (root: number) => Math.floor((root - Math.floor(root)) * 2 ** 32);

const PRIMES = (() => {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes;
})();
const K = Uint32Array.from(PRIMES, (p) => fraction(Math.cbrt(p)));
const START = PRIMES.slice(0, 8).map((p) => fraction(Math.sqrt(p)));

const turned = (x: number, by: number) => (x >>> by) | (x << (32 - by));

/** A digest that is read as Node's `Buffer` is. */
class Digest extends Uint8Array<ArrayBuffer> {
  readInt32LE(at: number): number {
    return new DataView(this.buffer).getInt32(at, true);
  }
}

class Sha256 {
  readonly #state = Uint32Array.from(START);
  readonly #block = new Uint8Array(64);
  readonly #words = new Uint32Array(64);
  #length = 0;

  update(data: string | Uint8Array): this {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    for (let at = 0; at < bytes.length; ) {
      const held = this.#length % 64;
      const part = bytes.subarray(at, at + 64 - held);
      this.#block.set(part, held);
      this.#length += part.length;
      at += part.length;
      if (this.#length % 64 === 0) this.#compress();
    }
    return this;
  }

  /** Section 6.2.2. */
  #compress(): void {
    const w = this.#words;
    const view = new DataView(this.#block.buffer);
    for (let t = 0; t < 16; t++) w[t] = view.getUint32(4 * t);
    for (let t = 16; t < 64; t++) {
      const [x, y] = [w[t - 15] as number, w[t - 2] as number];
      const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
      w[t] = (w[t - 16] as number) + s0 + (w[t - 7] as number) + s1;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = this.#state;
    for (let t = 0; t < 64; t++) {
      const first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + (K[t] as number) + (w[t] as number);
      const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    for (const [i, v] of [a, b, c, d, e, f, g, h].entries()) this.#state[i] = (this.#state[i] as number) + v;
  }

  digest(): Digest;
  digest(encoding: 'hex'): string;
  digest(encoding?: 'hex'): Digest | string {
    const bits = 8 * this.#length;
    this.update(Uint8Array.of(0x80));
    this.update(new Uint8Array((120 - (this.#length % 64)) % 64));
    const size = new DataView(new ArrayBuffer(8));
    size.setUint32(0, Math.floor(bits / 2 ** 32));
    size.setUint32(4, bits);
    this.update(new Uint8Array(size.buffer));
    const out = new Digest(new ArrayBuffer(32));
    const view = new DataView(out.buffer);
    for (const [i, v] of this.#state.entries()) view.setUint32(4 * i, v);
    return encoding === 'hex' ? Array.from(out, (byte) => byte.toString(16).padStart(2, '0')).join('') : out;
  }
}

/** As Node's, for SHA-256 alone. */
export function createHash(algorithm: 'sha256'): Sha256 {
  if (algorithm !== 'sha256') throw new Error(`expected sha256, got ${algorithm}`);
  return new Sha256();
}
