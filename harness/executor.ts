/** Runs jobs in processes of their own, so that a crash, an out-of-memory kill or a hung job costs one job. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RampartError } from '../errors.ts';
import type { Failure } from './failures.ts';
import type { EngineRef, Job, RunSettings } from './jobs.ts';
import type { Assignment, EngineProbe, Message } from './messages.ts';
import type { JobProgress } from './work-context.ts';

/** How a job failed. `fatal`: the run cannot go on. */
export class JobError extends RampartError {
  readonly kind: Failure['kind'];
  readonly fatal: boolean;

  constructor({ kind, message }: Failure, fatal = false) {
    super(message);
    this.kind = kind;
    this.fatal = fatal;
  }
}

/** Where jobs run. A job is plain data and its result is in the store, so this may be another machine. */
export interface Executor {
  /** Resolves when the job's record is in the store; rejects with a JobError, or with the reason of `signal`. */
  run(job: Job, engine: EngineRef, signal: AbortSignal, onProgress: (progress: JobProgress) => void): Promise<void>;
}

export interface ProcessOptions {
  /** A job that gives no sign of life for so long is ended. */
  readonly silenceMs: number;
  /** Sees what jobs print. */
  onOutput?(text: string): void;
}

/** Executes jobs in child processes of this machine. */
export function processExecutor(settings: RunSettings, options: ProcessOptions): Executor {
  return {
    async run(job, engine, signal, onProgress) {
      const last = await converse({ do: 'job', job, settings, engine }, options, signal, onProgress);
      if (last.type === 'failed') throw new JobError(last.error, last.fatal);
    },
  };
}

/** Starts an engine in a process of its own, to learn what it is. Throws what `chooseEngine` throws. */
export async function probeEngine(request: string, threads: number, signal: AbortSignal): Promise<EngineProbe> {
  const last = await converse({ do: 'probe', request, threads }, { silenceMs: 120_000 }, signal, () => undefined);
  if (last.type === 'failed') throw new RampartError(last.error.message);
  if (last.type !== 'probed') throw new RampartError(`[engine ${request}] gave no answer`);
  return last.probe;
}

function startWorker(): ChildProcess {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url));
  const loader = fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return fork(file, [], { execArgv: loader, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'json' });
}

/** Kernel kills for memory in this control group so far. */
function memoryKills(): number {
  try {
    return Number(readFileSync('/sys/fs/cgroup/memory.events', 'utf8').match(/^oom_kill (\d+)$/m)?.[1] ?? 0);
  } catch {
    return 0; // not Linux, or no such control group: a kill is then told as a kill
  }
}

/** Gives one assignment to a new worker and waits for its last word. */
async function converse(
  assignment: Assignment,
  { silenceMs, onOutput }: ProcessOptions,
  signal: AbortSignal,
  onProgress: (progress: JobProgress) => void,
): Promise<Message> {
  signal.throwIfAborted();
  const killsBefore = memoryKills();
  const worker = startWorker();
  let lastWord: Message | undefined;
  let silent = false;
  let output = '';
  const tooQuiet = () => {
    silent = true;
    worker.kill('SIGKILL');
  };
  let watch = setTimeout(tooQuiet, silenceMs);
  const abort = () => worker.kill('SIGTERM');
  signal.addEventListener('abort', abort);
  worker.on('message', (message: Message) => {
    clearTimeout(watch);
    watch = setTimeout(tooQuiet, silenceMs);
    if (message.type !== 'sign') lastWord = message;
    else if (message.progress) onProgress(message.progress);
  });
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000);
    onOutput?.(chunk.toString());
  };
  worker.stdout?.on('data', keep);
  worker.stderr?.on('data', keep);
  const ended = new Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>((resolve) => {
    worker.on('error', (error) => {
      output += error.message;
      resolve({ code: 1, killedBy: null });
    });
    worker.on('close', (code, killedBy) => resolve({ code, killedBy }));
  });
  worker.send(assignment, () => undefined); // a worker that died at once is told by 'close'
  const { code, killedBy } = await ended;
  clearTimeout(watch);
  signal.removeEventListener('abort', abort);
  if (lastWord) return lastWord;
  signal.throwIfAborted();
  if (silent) return failed('timeout', `no sign of life for ${Math.round(silenceMs / 1000)} s; the worker was ended`);
  return died(code, killedBy, output, memoryKills() > killsBefore);
}

function failed(kind: Failure['kind'], message: string): Message {
  return { type: 'failed', error: { kind, message }, fatal: false };
}

/** Why a worker ended without a last word. */
function died(code: number | null, killedBy: NodeJS.Signals | null, output: string, byKernel: boolean): Message {
  const lines = output.trim().split('\n');
  const heap = /heap out of memory/i.test(output);
  const said =
    output.trim() === ''
      ? ''
      : `; it said: ${(heap ? lines.find((l) => /heap out of memory/i.test(l)) : lines.at(-1))?.trim().slice(0, 300)}`;
  if (heap || (byKernel && killedBy === 'SIGKILL'))
    return failed(
      'memory',
      `the worker ran out of memory (${killedBy ?? `exit code ${code}`})${said}; use fewer --workers or a smaller engine.batchSize`,
    );
  if (killedBy) return failed('killed', `the worker was killed by ${killedBy}${said}`);
  return failed('killed', `the worker ended with exit code ${code} and no result${said}`);
}
