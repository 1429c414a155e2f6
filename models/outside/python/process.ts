/** The user's Python with their module in it, as a process: started, asked one thing at a time, and told of by its end where it dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { RampartError } from '../../../errors.ts';
import { type Wait, waitAtMost } from '../../../patience.ts';
import type { Shape } from '../../../tensor/tf.ts';

/** A function of a Python file that returns a `torch.nn.Module`, and where to run it. */
export interface PythonSource {
  /** Absolute path. */
  readonly file: string;
  readonly function: string;
  /** A name on the path, or a path. */
  readonly python: string;
  /** `cpu`, `cuda:0`, ..., or `auto`: the first GPU that PyTorch sees, else the CPU. */
  readonly device: string;
  /** The longest that loading or a pass may take, in seconds. */
  readonly timeout: number;
}

/** `my_model.py:load`: what messages, tables and records call it. */
export const nameOf = ({ file, function: name }: Pick<PythonSource, 'file' | 'function'>) => `${basename(file)}:${name}`;

/** What the module is to answer for, and with what. */
export interface PythonTask {
  readonly shape: Shape;
  readonly classes: number;
  /** Of PyTorch on the CPU. */
  readonly threads: number;
  /** Whether one image is run to count multiply-adds and activations. */
  readonly measure: boolean;
}

/** What the process tells of itself and of the module. */
export interface PythonFacts {
  readonly python: string;
  readonly torch: string;
  readonly device: string;
  /** Of a GPU. */
  readonly deviceName: string;
  /** Class of the module. */
  readonly module: string;
  readonly parameters: number;
  /** SHA-256 of its parameters and buffers. */
  readonly weights: string;
  /** The file and what it imports from below its folder, by SHA-256; paths from that folder. */
  readonly sources: readonly { readonly path: string; readonly hash: string }[];
  /** For one image, where they were measured. */
  readonly multiplyAdds?: number;
  readonly activations?: number;
}

/** A pass of the first n images, and what goes with any request: passes to forget, and where images and answers lie from now on. */
export type PythonRequest = (
  | { readonly op: 'logits'; readonly n: number; readonly keep?: number }
  | { readonly op: 'pullback'; readonly n: number; readonly kept: number; readonly last: boolean }
) & { readonly drop?: readonly number[]; readonly memory?: string; readonly capacity?: number };

/** Printed by the module and kept for messages, in characters. */
const KEPT_OUTPUT = 4000;

/** glibc gives large blocks back to the system at once and takes them anew, page by page; passes of one size want the same blocks again and again. */
const ALLOCATION = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: `${2 ** 33}`, MALLOC_TOP_PAD_: `${2 ** 26}` };

export class PythonProcess {
  readonly #source: PythonSource;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<string>;
  #output = '';

  /** `script` is the path of `live.py`. */
  constructor(source: PythonSource, script: string) {
    this.#source = source;
    this.#child = spawn(source.python, ['-u', script], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: { ...ALLOCATION, ...process.env } });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    // a process that is gone is told by its end
    this.#child.stdin?.on('error', () => undefined);
    const answers = this.#child.stdio[3] as Readable;
    answers.on('error', () => undefined);
    this.#lines = createInterface({ input: answers })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'ENOENT' ? `there is no ${source.python} here` : error.message),
      );
      this.#child.on('close', (code, signal) => resolve(this.#lastWords(code, signal)));
    });
  }

  /** Imports the file and calls its function. Once, before all else. */
  async load(task: PythonTask): Promise<PythonFacts> {
    const { file, function: name, device } = this.#source;
    return (await this.#ask({ op: 'load', file, function: name, device, ...task }, 'to load')) as PythonFacts;
  }

  async ask(request: PythonRequest): Promise<void> {
    await this.#ask(request, 'for a pass');
  }

  async #ask(request: object, what: string): Promise<unknown> {
    const { timeout } = this.#source;
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    let watch: Wait | undefined;
    const late = new Promise<'late'>((resolve) => {
      watch = waitAtMost(timeout * 1000, () => resolve('late'));
    });
    const next = this.#lines
      .next()
      .then(async ({ value, done }): Promise<{ line: string } | string> => (done ? this.#ended : { line: value as string }));
    const first = await Promise.race([next, this.#ended, late]).finally(() => watch?.end());
    if (first === 'late') {
      void this.end();
      throw this.#error(`took longer than ${timeout} s ${what}; its process was ended`, 'give it more: timeout, in seconds (--timeout)');
    }
    if (typeof first === 'string') throw this.#error(first);
    const answer = JSON.parse(first.line) as { error?: string; remedy?: string | null };
    if (answer.error !== undefined) throw this.#error(answer.error, answer.remedy ?? undefined);
    return answer;
  }

  #error(message: string, remedy?: string): RampartError {
    return new RampartError(`[${nameOf(this.#source)}] ${message}`, remedy === undefined ? {} : { remedy });
  }

  #lastWords(code: number | null, signal: NodeJS.Signals | null): string {
    const last = this.#output.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
    const said = last === '' ? '' : `; the last that it printed: ${last}`;
    const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
    return `its process ${how} and gave no answer${signal === 'SIGKILL' ? ' (as happens where memory runs out)' : ''}${said}`;
  }

  /** Ends the process at once; resolves when it is gone, and not a dead process that its parent has not heard of. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
