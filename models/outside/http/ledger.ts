/** What was sent to an endpoint and what it answered, in a file that only grows: a run that was broken off asks nothing twice. Several processes may share it. */
import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';

/** One line: an image by the SHA-256 of its values, with its logits as float32 in base64; or so many images sent at a time (ms). */
type Line = { readonly image: string; readonly logits: string } | { readonly sent: number; readonly at: number };

const NEWLINE = 10;

/** Read at once. */
const CHUNK = 1 << 20;

export class Ledger {
  readonly #file: number;
  /** Where the line of an image lies, and how long it is. */
  readonly #places = new Map<string, { at: number; length: number }>();
  #read = 0;
  /** Images sent, by all processes, as of the last look. */
  sent = 0;
  /** When the last of them were, in ms. */
  lastSent = 0;

  /** Opens or makes the file and its folder. */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, 'a+', 0o600);
    this.look();
  }

  /** Reads what has come since the last look, from other processes too. A line that a killed process left unfinished is passed over. */
  look(): void {
    const size = fstatSync(this.#file).size;
    let rest: Buffer = Buffer.alloc(0);
    let at = this.#read;
    while (at < size) {
      const chunk = Buffer.alloc(Math.min(CHUNK, size - at));
      at += readSync(this.#file, chunk, 0, chunk.length, at);
      rest = this.#take(Buffer.concat([rest, chunk]));
    }
  }

  /** Notes the lines that end in `bytes`, which follow what was read; returns the rest. */
  #take(bytes: Buffer): Buffer {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE, from); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#note(bytes.toString('utf8', from, end), this.#read + from, end - from);
      from = end + 1;
    }
    this.#read += from;
    return bytes.subarray(from);
  }

  #note(text: string, at: number, length: number): void {
    const line = parsed(text);
    if (line === undefined) return;
    if ('image' in line) this.#places.set(line.image, { at, length });
    else {
      this.sent += line.sent;
      // a clock that was ahead, here or elsewhere, keeps nobody waiting until it is that late
      this.lastSent = Math.max(this.lastSent, Math.min(line.at, Date.now()));
    }
  }

  /** The logits of an image, of so many classes; undefined where it was never answered, or the file is damaged there. */
  logits(image: string, classes: number): Float32Array | undefined {
    const place = this.#places.get(image);
    if (!place) return undefined;
    const bytes = Buffer.alloc(place.length);
    readSync(this.#file, bytes, 0, place.length, place.at);
    const line = parsed(bytes.toString('utf8'));
    if (!line || !('image' in line) || line.image !== image) return undefined;
    const values = Uint8Array.from(Buffer.from(line.logits, 'base64'));
    return values.length === 4 * classes ? new Float32Array(values.buffer) : undefined;
  }

  /** Notes that `n` images are about to be sent; where they are not, -`n` takes it back. */
  send(n: number): void {
    this.#append([{ sent: n, at: Date.now() }]);
  }

  keep(answers: readonly { readonly image: string; readonly logits: Float32Array }[]): void {
    this.#append(
      answers.map(({ image, logits }) => ({
        image,
        logits: Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength).toString('base64'),
      })),
    );
  }

  /** In one write, so that lines of several processes do not mix; the first newline ends what a killed process left unfinished. */
  #append(lines: readonly Line[]): void {
    appendFileSync(this.#file, `\n${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    this.look();
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** A line, unless it is none that this file has: empty, or unfinished. */
function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Record<string, unknown> | null;
    if (typeof line?.image === 'string' && typeof line.logits === 'string') return { image: line.image, logits: line.logits };
    if (typeof line?.sent === 'number' && typeof line.at === 'number') return { sent: line.sent, at: line.at };
  } catch {
    // as above
  }
  return undefined;
}
