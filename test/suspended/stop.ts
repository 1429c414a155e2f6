/** Processes that are stopped and continued, as a machine that sleeps or a scheduler that suspends jobs does it. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Told {
  readonly child: ChildProcess;
  /** The next that it says; rejects where it ends before. */
  next(): Promise<unknown>;
  /** Stops it and all processes that it has started, and continues them after so long. `meanwhile` is done while they stand still. */
  standStill(ms: number, meanwhile?: () => unknown): Promise<void>;
}

/** Starts a script beside the tests, in a process group of its own that is gone after the test. */
export function starting(script: string, args: readonly string[] = [], env: ForkOptions['env'] = {}): Told {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const loader = file.endsWith('.ts') ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  const child = fork(file, args, { execArgv: loader, detached: true, env: { ...process.env, ...env } });
  const group = -(child.pid as number);
  const said: unknown[] = [];
  let heard: () => void = () => undefined;
  child.on('message', (message) => {
    said.push(message);
    heard();
  });
  let ended = false;
  child.on('exit', () => {
    ended = true;
    heard();
  });
  onTestFinished(() => {
    if (!ended) process.kill(group, 'SIGKILL');
  });
  return {
    child,
    async next() {
      while (said.length === 0) {
        if (ended) throw new Error(`${script} ended and said nothing`);
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
      return said.shift();
    },
    async standStill(ms, meanwhile = () => undefined) {
      process.kill(group, 'SIGSTOP');
      await sleep(ms);
      await meanwhile();
      process.kill(group, 'SIGCONT');
    },
  };
}
