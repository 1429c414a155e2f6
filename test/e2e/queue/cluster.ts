/** A Redis, and machines around it, on loopback: started by a test, ended with it by process id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket, connect as tcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../cli/free-port.ts';
import { type Started, started } from '../cli.ts';

/** Why there is none here; undefined where there is. */
export const noRedis = spawnSync('redis-server', ['--version']).status === 0 ? undefined : 'redis-server is not here';

export interface Server {
  readonly url: string;
  /** Ends it as a power cut does; what it held is gone. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** In memory alone: what a restart leaves of it is nothing. */
export async function redisServer(): Promise<Server> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'rampart-redis-'));
  let child: ChildProcess | undefined;
  const kill = async () => {
    const ended =
      child && child.exitCode === null && child.signalCode === null ? new Promise((end) => child?.once('exit', end)) : undefined;
    child?.kill('SIGKILL');
    await ended;
  };
  const start = async () => {
    const own = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir]);
    child = own;
    await new Promise<void>((ready, failed) => {
      own.stdout.on('data', (chunk: Buffer) => chunk.toString().includes('Ready to accept connections') && ready());
      own.once('exit', () => failed(new Error('redis-server ended')));
    });
  };
  await start();
  onTestFinished(async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true });
  });
  return { url: `redis://127.0.0.1:${port}`, kill, start };
}

/** A network between a machine and a server, that can be cut. */
export async function network(url: string): Promise<{ url: string; cut(): void; mend(): void }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let whole = true;
  const proxy = createServer((near) => {
    if (!whole) return near.destroy();
    const far = tcp(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    end();
    await new Promise((closed) => proxy.close(closed));
  });
  const own = proxy.address();
  return {
    url: `redis://127.0.0.1:${typeof own === 'object' ? own?.port : ''}`,
    cut() {
      whole = false;
      end();
    },
    mend() {
      whole = true;
    },
  };
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

/** Taken for lost after two seconds. `suite` names what it may execute. */
export const worker = (url: string, out: string, { name = 'wasm', suite }: { name?: string; suite?: string } = {}): Started =>
  kept(started('worker', ...(suite ? [suite] : []), '--queue', url, '--out', out, ...engine(name), '--workers', '1', '--lost-after', '2'));

export const coordinator = (suite: string, url: string, out: string): Started =>
  kept(started('run', suite, '--queue', url, '--out', out, ...engine()));
