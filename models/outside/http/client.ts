/** Asks an endpoint: within its limits, again where it fails, and never for an answer that is there. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RampartError } from '../../../errors.ts';
import { waitAtMost } from '../../../patience.ts';
import type { Shape } from '../../../tensor/tf.ts';
import { Ledger } from './ledger.ts';
import { bodyOf, logitsIn } from './protocol.ts';
import { type HttpSource, limitOf, nameOfUrl } from './source.ts';

export interface HttpSetup {
  readonly shape: Shape;
  readonly classes: number;
  /** Path of the file where answers are kept. */
  readonly answers: string;
}

export interface HttpRequest {
  /** `[n,h,w,c]` in [0,1]. */
  readonly values: Float32Array;
  readonly n: number;
  /** One per image, where the same image is to be asked about anew under another key. */
  readonly draws?: readonly string[];
}

export interface HttpReply {
  /** `[n,classes]`. */
  readonly logits: Float32Array;
  /** Images that were sent, those sent again too, and images whose answers were there. */
  readonly sent: number;
  readonly kept: number;
}

/** The first pause before a request is sent again, doubled each time, and the longest that may be waited for one answer. In ms. */
const PAUSE = 500;
const PATIENCE = 600_000;

/** Of an answer, in bytes. */
const MOST = 1 << 26;

/** Statuses after which the same request may succeed: timeouts, too many requests, a server in trouble. */
const PASSING = (status: number) => status === 408 || status === 425 || status === 429 || status >= 500;

/** What came of sending a request once. `after` is how long the endpoint asks to wait, in ms. */
type Sent = { readonly text: string } | { readonly failure: string; readonly passing: boolean; readonly after?: number };

export class HttpClient {
  readonly #source: HttpSource;
  readonly #setup: HttpSetup;
  readonly #headers: Record<string, string>;
  readonly #secrets: readonly string[];
  readonly #ledger: Ledger;
  /** By this process; the ledger has those of all. */
  #sent = 0;

  /** Opens the file of answers. Throws where a variable of the environment is missing. */
  constructor(source: HttpSource, setup: HttpSetup) {
    this.#source = source;
    this.#setup = setup;
    const { headers, secrets } = headersOf(source);
    this.#headers = headers;
    this.#secrets = secrets;
    this.#ledger = new Ledger(setup.answers);
  }

  async ask({ values, n, draws }: HttpRequest): Promise<HttpReply> {
    const { shape, classes } = this.#setup;
    const d = values.length / n;
    const before = this.#sent;
    const imageOf = (i: number) => values.subarray(i * d, (i + 1) * d);
    const keys = Array.from({ length: n }, (_, i) => keyOf(imageOf(i), draws?.[i]));
    this.#ledger.look();
    const known = new Map<string, Float32Array>();
    for (const key of keys) {
      const logits = known.has(key) ? undefined : this.#ledger.logits(key, classes);
      if (logits) known.set(key, logits);
    }
    // an image that is there twice is asked about once
    const missing = [...new Map(keys.flatMap((key, i) => (known.has(key) ? [] : [[key, i] as const])))];
    const { batch } = this.#source;
    for (let at = 0; at < missing.length; at += batch) {
      const part = missing.slice(at, at + batch);
      const sent = new Float32Array(part.length * d);
      part.forEach(([, i], j) => {
        sent.set(imageOf(i), j * d);
      });
      const logits = await this.#request({ n: part.length, shape, values: sent });
      const answers = part.map(([image], j) => ({ image, logits: logits.slice(j * classes, (j + 1) * classes) }));
      this.#ledger.keep(answers);
      for (const { image, logits } of answers) known.set(image, logits);
    }
    const all = new Float32Array(n * classes);
    keys.forEach((key, i) => {
      all.set(known.get(key) as Float32Array, i * classes);
    });
    return { logits: all, sent: this.#sent - before, kept: n - missing.length };
  }

  /** Sends until there is an answer that is one, or no hope of it. */
  async #request(images: Parameters<typeof bodyOf>[0]): Promise<Float32Array> {
    const { retries, format, access, scores } = this.#source;
    const { classes } = this.#setup;
    const request = bodyOf(images, format);
    const wait = waitAtMost(PATIENCE);
    try {
      for (let attempt = 0; ; attempt++) {
        await this.#turn(images.n);
        const sent = await this.#send(request);
        if ('text' in sent) return this.#inPlace(() => logitsIn(sent.text, { n: images.n, classes, access, scores }));
        if (!sent.passing) throw this.#error(sent.failure);
        const pause = Math.max(PAUSE * 2 ** attempt, sent.after ?? 0);
        if (attempt >= retries) throw this.#error(`${sent.failure}, ${attempt + 1} times`, AGAIN);
        if (wait.ms + pause > PATIENCE)
          throw this.#error(`${sent.failure}; the next try would be ${Math.ceil(pause / 1000)} s later`, AGAIN);
        await sleep(pause);
      }
    } finally {
      wait.end();
    }
  }

  /** Waits until the rate allows another request, and notes it. Throws where the limit does not. */
  async #turn(n: number): Promise<void> {
    const { rate } = this.#source;
    const limit = limitOf(this.#source);
    this.#ledger.look();
    while (rate !== undefined) {
      const wait = this.#ledger.lastSent + 1000 / rate - Date.now();
      if (wait <= 0) break;
      await sleep(wait);
      this.#ledger.look();
    }
    // noted before it is looked at, so that of several processes none goes beyond what the others have noted
    this.#ledger.send(n);
    if (limit && this.#ledger.sent > limit.images) {
      this.#ledger.send(-n);
      throw this.#error(`${this.#ledger.sent} images were sent, ${n} more would be over the limit (${limit.why})`, `raise it and ${AGAIN}`);
    }
    this.#sent += n;
  }

  async #send({ headers, body }: ReturnType<typeof bodyOf>): Promise<Sent> {
    const { url, timeout } = this.#source;
    const late = new AbortController();
    const { signal } = late;
    const wait = waitAtMost(timeout * 1000, () => late.abort());
    try {
      // a redirect could carry the token elsewhere
      const options = { method: 'POST', headers: { ...headers, accept: 'application/json', ...this.#headers }, body, signal } as const;
      const response = await fetch(url, { ...options, redirect: 'manual' });
      const text = await textOf(response);
      if (response.ok) return { text };
      const failure = `answered with status ${response.status}${text.trim() === '' ? '' : ` (${text.trim().slice(0, 200)})`}`;
      return { failure, passing: PASSING(response.status), after: pauseIn(response.headers.get('retry-after')) };
    } catch (error) {
      if (error instanceof RampartError) return { failure: error.message, passing: false };
      if (signal.aborted) return { failure: `gave no answer within ${timeout} s`, passing: true };
      return { failure: `could not be asked: ${reasonOf(error)}`, passing: true };
    } finally {
      wait.end();
    }
  }

  #inPlace<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      const { message, remedy } = error;
      throw this.#error(remedy === undefined ? message : message.slice(0, -`; ${remedy}`.length), remedy);
    }
  }

  /** In the model's name, without what is secret. */
  #error(message: string, remedy?: string): RampartError {
    const text = this.#secrets.reduce((all, secret) => all.replaceAll(secret, '***'), message);
    return new RampartError(`[${nameOfUrl(this.#source.url)}] ${text}`, remedy === undefined ? {} : { remedy });
  }

  close(): void {
    this.#ledger.close();
  }
}

const AGAIN = 'run the suite again: what was answered is kept';

/** What an answer is kept under. */
function keyOf(image: Float32Array, draw: string | undefined): string {
  const hash = createHash('sha256').update(new Uint8Array(image.buffer, image.byteOffset, image.byteLength));
  if (draw !== undefined) hash.update(draw);
  return hash.digest('base64url');
}

/** Headers with the values that the environment holds. Throws where it does not. */
export function headersOf({ url, tokenEnv, headersFrom }: Pick<HttpSource, 'url' | 'tokenEnv' | 'headersFrom'>): {
  headers: Record<string, string>;
  secrets: string[];
} {
  const from = Object.entries(headersFrom).map(([header, name]) => ({ header, name, before: '' }));
  if (tokenEnv !== undefined) from.push({ header: 'authorization', name: tokenEnv, before: 'Bearer ' });
  const secrets: string[] = [];
  const headers = from.map(({ header, name, before }) => {
    const value = process.env[name];
    if (!value) throw new RampartError(`[${nameOfUrl(url)}] expected the environment variable ${name}, for the header ${header}`);
    secrets.push(value);
    return [header, before + value] as const;
  });
  return { headers: Object.fromEntries(headers), secrets };
}

/** `Retry-After`, in ms: seconds, or a date. */
function pauseIn(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MOST) throw new RampartError(`expected an answer of at most ${MOST} bytes, got more`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** What the network says, below what `fetch` says of it. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
