/** A worker as its parent sees it: a process that is given one assignment at a time, and that may die of any of them. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { waitAtMost } from '../../../patience.ts';
import type { Provenance } from '../../../records/record.ts';
import type { Failure } from '../../job/failures.ts';
import type { JobListener } from '../executor.ts';
import type { Assignment, Message } from './messages.ts';

export interface ProcessOptions {
  /** A job that gives no sign of life for so long is ended. Time in which this process itself stood still does not count. */
  readonly silenceMs: number;
  /** Sees what jobs print. */
  onOutput?(text: string): void;
}

/** The last word of an assignment; `begun` is false where the process gave no sign that it had read it. */
export interface Answer {
  readonly last: Message;
  readonly begun: boolean;
  /** Of the worker, where it got so far as to tell. */
  readonly provenance?: Provenance;
}

interface End {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

function startProcess(): ChildProcess {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url));
  const loader = fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return fork(file, [], { execArgv: loader, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'json' });
}

/** Kernel kills for memory so far: in this control group where it counts them, else on the machine. */
function memoryKills(): number {
  for (const file of ['/sys/fs/cgroup/memory.events', '/proc/vmstat'])
    try {
      return Number(readFileSync(file, 'utf8').match(/^oom_kill (\d+)$/m)?.[1] ?? 0);
    } catch {
      // no such control group, or not Linux: a kill is then told as a kill
    }
  return 0;
}

export class WorkerProcess {
  readonly #child = startProcess();
  readonly #options: ProcessOptions;
  /** Settles when the process is gone and all it printed is read. */
  readonly #ended: Promise<End>;
  /** The last that it printed, since its last assignment. */
  #output = '';

  constructor(options: ProcessOptions) {
    this.#options = options;
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-4000);
      options.onOutput?.(chunk.toString());
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#output += error.message;
        resolve({ code: 1, killedBy: null });
      });
      this.#child.on('close', (code, killedBy) => resolve({ code, killedBy }));
    });
  }

  /**
   * Gives it one assignment and waits for its last word; unless that is that it stays, for its end too.
   * Rejects with the reason of `signal`.
   */
  async ask(assignment: Assignment, signal: AbortSignal, listener: JobListener): Promise<Answer> {
    if (signal.aborted) await this.end();
    signal.throwIfAborted();
    const { silenceMs } = this.#options;
    const child = this.#child;
    const killsBefore = memoryKills();
    this.#output = '';
    let begun = false;
    let silent = false;
    const tooQuiet = () => {
      silent = true;
      child.kill('SIGKILL');
    };
    const watch = waitAtMost(silenceMs, tooQuiet);
    let lastWord: Message | undefined;
    let provenance: Provenance | undefined;
    let onMessage: (message: Message) => void = () => undefined;
    const stays = new Promise<void>((resolve) => {
      onMessage = (message) => {
        begun = true;
        watch.again();
        if (message.type === 'sign') {
          if (message.progress) listener.progress?.(message.progress);
        } else if (message.type === 'note') listener.note?.(message.text);
        else if (message.type === 'started') provenance = message.provenance;
        else lastWord = message;
        if (message.type === 'done' && message.stays) resolve();
      };
    });
    const abort = () => child.kill('SIGTERM');
    signal.addEventListener('abort', abort);
    child.on('message', onMessage);
    child.send(assignment, () => undefined); // a process that is gone is told by its end
    const end = await Promise.race([stays, this.#ended]);
    watch.end();
    signal.removeEventListener('abort', abort);
    child.off('message', onMessage);
    if (lastWord) return { last: lastWord, begun, provenance };
    signal.throwIfAborted();
    if (silent)
      return { last: failed('timeout', `no sign of life for ${Math.round(silenceMs / 1000)} s; the worker was ended`), begun, provenance };
    return { last: died(end as End, this.#output, memoryKills() > killsBefore), begun, provenance };
  }

  /** Ends it at once: whoever asks this has no more use for what it does. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

function failed(kind: Failure['kind'], message: string): Message {
  return { type: 'failed', error: { kind, message }, fatal: false };
}

/** Why a worker ended without a last word. */
function died({ code, killedBy }: End, output: string, byKernel: boolean): Message {
  const lines = output.trim().split('\n');
  const heap = /heap out of memory/i.test(output);
  const said =
    output.trim() === ''
      ? ''
      : `; it said: ${(heap ? lines.find((l) => /heap out of memory/i.test(l)) : lines.at(-1))?.trim().slice(0, 300)}`;
  if (heap || (byKernel && killedBy === 'SIGKILL'))
    return failed('memory', `the worker ran out of memory (${killedBy ?? `exit code ${code}`})${said}; use fewer --workers`);
  if (killedBy) return failed('killed', `the worker was killed by ${killedBy}${said}`);
  return failed('killed', `the worker ended with exit code ${code} and no result${said}`);
}
