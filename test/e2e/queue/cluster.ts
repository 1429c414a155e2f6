/** A Redis, and machines around it, on loopback: started by a test, ended with it by process id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../cli/free-port.ts';
import { type Started, startedIn, type Where } from '../cli.ts';

/** Why there is none here; undefined where there is. */
export const noRedis = spawnSync('redis-server', ['--version']).status === 0 ? undefined : 'redis-server is not here';

export interface Server {
  readonly url: string;
  /** Ends it as a power cut does; what it held in memory is gone. */
  kill(): Promise<void>;
  /** With what its disk has of it, if it was told to keep it. */
  start(): Promise<void>;
  /** Takes away what its disk has. */
  forget(): void;
  signal(name: NodeJS.Signals): void;
}

export interface ServerOptions {
  /** Writes what it holds to its disk as it goes; else what a restart leaves of it is nothing. */
  readonly keep?: boolean;
  /** Words of a command that starts it elsewhere, and the address that it has there. */
  readonly before?: readonly string[];
  readonly host?: string;
  readonly options?: readonly string[];
  /** Files; it then speaks TLS alone. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function redisServer({
  keep = false,
  before = [],
  host = '127.0.0.1',
  options = [],
  tls,
}: ServerOptions = {}): Promise<Server> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'rampart-redis-'));
  const listen = tls
    ? ['--port', '0', '--tls-port', `${port}`, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key, '--tls-auth-clients', 'no']
    : ['--port', `${port}`];
  let child: ChildProcess | undefined;
  const kill = async () => {
    const ended =
      child && child.exitCode === null && child.signalCode === null ? new Promise((end) => child?.once('exit', end)) : undefined;
    child?.kill('SIGKILL');
    await ended;
  };
  const start = async () => {
    const own = [...listen, '--bind', host, '--save', '', '--appendonly', keep ? 'yes' : 'no', '--dir', dir, ...options];
    const [program = '', ...args] = [...before, 'redis-server', ...own];
    const server = spawn(program, args);
    child = server;
    let said = '';
    await new Promise<void>((ready, failed) => {
      server.stdout.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4000);
        if (said.includes('Ready to accept connections')) ready();
      });
      server.once('exit', () => failed(new Error(`redis-server ended: ${said}`)));
    });
  };
  const forget = () => rmSync(join(dir, 'appendonlydir'), { recursive: true, force: true });
  await start();
  onTestFinished(async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true });
  });
  return { url: `${tls ? 'rediss' : 'redis'}://${host}:${port}`, kill, start, forget, signal: (name) => child?.kill(name) };
}

/** Ended with the test, with every process that they started. */
function kept(machine: Started): Started {
  onTestFinished(async () => {
    if (machine.alive()) machine.signal('SIGKILL');
    await machine.ended;
  });
  return machine;
}

const engine = (name = 'wasm') => ['--engine', name, '--threads', '1'];

export interface WorkerOptions extends Where {
  readonly name?: string;
  /** Names what it may execute. */
  readonly suite?: string;
  /** Seconds. */
  readonly lostAfter?: number;
  /** Options beside. */
  readonly more?: readonly string[];
}

/** An address as an option, or nothing where the environment has it. */
const queue = (url: string | undefined) => (url === undefined ? [] : ['--queue', url]);

/** Taken for lost after two seconds. */
export function worker(
  url: string | undefined,
  out: string,
  { name = 'wasm', suite, lostAfter = 2, more = [], ...where }: WorkerOptions = {},
): Started {
  const own = ['--out', out, ...engine(name), '--workers', '1', '--lost-after', `${lostAfter}`, ...more];
  return kept(startedIn(where, 'worker', ...(suite ? [suite] : []), ...queue(url), ...own));
}

export const coordinator = (suite: string, url: string | undefined, out: string, where: Where = {}): Started =>
  kept(startedIn(where, 'run', suite, ...queue(url), '--out', out, ...engine()));
