/** The built command line as a user runs it, in processes of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const main = join(root, 'dist/cli/main.js');
if (!existsSync(main)) throw new Error(`${main} is not there: npm run build`);

/** A new folder inside the package, where plug-ins find `rampart`; gone after the test. */
export function workFolder(): string {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', 'e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file into a folder and returns its path. */
export function put(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs to the end. */
export function rampart(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  said(): string;
  /** Sends a signal to the run and to every process that it started. */
  signal(name: NodeJS.Signals): void;
  /** Whether the run or a process that it started is there. */
  alive(): boolean;
}

/** A run that a test interrupts: it leads a process group, as a shell's job does. */
export const started = (...args: string[]): Started => startedIn({}, ...args);

export interface Where {
  /** Words of a command that starts it elsewhere, as in a network of its own. */
  readonly before?: readonly string[];
  /** Beside the environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Another build of the program. */
  readonly main?: string;
}

export function startedIn({ before = [], env = {}, main: file = main }: Where, ...args: string[]): Started {
  const [program = '', ...rest] = [...before, process.execPath, file, ...args];
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output })));
  const group = -(child.pid as number);
  const alive = () => {
    try {
      return process.kill(group, 0);
    } catch {
      return false; // no process of that group
    }
  };
  return { process: child, ended, said: () => output, signal: (name) => process.kill(group, name), alive };
}

/** Paths below a folder. */
export function filesBelow(folder: string): string[] {
  return existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : [];
}

/** Waits until `there` holds; fails after a minute. */
export async function until(what: string, there: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!there()) {
    if (Date.now() > end) throw new Error(`waited a minute for ${what}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}
