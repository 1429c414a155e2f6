/**
 * Waiting for what can only be had asynchronously: a classifier answers at once, a process or a network does not. A thread of its own talks to
 * them, and the caller sleeps until it has an answer.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import { RampartError } from '../../errors.ts';
import { beatOf } from '../../patience.ts';

/** What the thread is started with, beside its own data. */
interface Line {
  readonly port: MessagePort;
  /** 0 while the caller waits, 1 when the answer lies in the port. */
  readonly state: SharedArrayBuffer;
  readonly data: unknown;
}

type Answer = { readonly value: unknown } | { readonly error: string; readonly remedy?: string; readonly known: boolean };

/** The caller's end. One call at a time, by construction. */
export class Blocking<Request, Reply> {
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #state: Int32Array;

  /** Starts the module at `url`, which calls `serveBlocking`; `data` is structured-cloned. */
  constructor(url: URL, data: unknown) {
    const { port1, port2 } = new MessageChannel();
    const state = new SharedArrayBuffer(4);
    this.#port = port1;
    this.#state = new Int32Array(state);
    const line: Line = { port: port2, state, data };
    const options = { workerData: line, transferList: [port2], execArgv: [] };
    this.#thread = url.pathname.endsWith('.ts') ? new Worker(compiled(url), { ...options, eval: true }) : new Worker(url, options);
    // it must not keep a process that is done
    this.#thread.unref();
    this.#port.unref();
  }

  /** Sleeps until the thread has answered. Throws what its handler threw, and where it says nothing for `seconds`. */
  call(request: Request, seconds: number): Reply {
    Atomics.store(this.#state, 0, 0);
    this.#port.postMessage(request);
    if (!this.#answered(seconds * 1000)) throw new RampartError(`expected an answer within ${seconds} s, got none`);
    const answer = receiveMessageOnPort(this.#port)?.message as Answer;
    if ('value' in answer) return answer.value as Reply;
    if (answer.known) throw new RampartError(answer.error, answer.remedy === undefined ? {} : { remedy: answer.remedy });
    throw new Error(answer.error);
  }

  /** Whether there is an answer within `ms`: in pieces, of which one in which this process stood still counts as any other. */
  #answered(ms: number): boolean {
    const beatMs = beatOf(ms);
    for (let waited = 0; waited < ms; waited += beatMs) if (Atomics.wait(this.#state, 0, 0, beatMs) !== 'timed-out') return true;
    return false;
  }

  /** Ends the thread. What it holds beyond memory, it is to be told before. */
  close(): void {
    this.#port.close();
    void this.#thread.terminate();
  }
}

/** A thread that is compiled as it loads would wait for the caller, who sleeps: run from its source, it is compiled before. */
function compiled(url: URL): string {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const options = { bundle: true, platform: 'node', format: 'cjs', write: false, logLevel: 'error' } as const;
  return buildSync({ ...options, entryPoints: [fileURLToPath(url)] }).outputFiles[0]?.text ?? '';
}

/** In the thread's module: answers every request by what `handle` resolves with or rejects with. `data` is what the thread was started with. */
export function serveBlocking<Request, Reply>(handlerOf: (data: unknown) => (request: Request) => Promise<Reply>): void {
  const { port, state, data } = workerData as Line;
  const flag = new Int32Array(state);
  const handle = handlerOf(data);
  const answer = (message: Answer) => {
    port.postMessage(message);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  };
  port.on('message', (request: Request) => {
    handle(request).then(
      (value) => answer({ value }),
      (error: unknown) => answer(inWords(error)),
    );
  });
}

function inWords(error: unknown): Answer {
  if (!(error instanceof RampartError))
    return { error: String(error instanceof Error ? (error.stack ?? error.message) : error), known: false };
  const { message, remedy } = error;
  if (remedy === undefined) return { error: message, known: true };
  return { error: message.slice(0, -`; ${remedy}`.length), remedy, known: true };
}
