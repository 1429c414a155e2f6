/** Downloads that resume where they broke off and are not there until their checksum is right. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RampartError } from '../errors.ts';
import { lock } from '../lock.ts';
import type { LoadOptions } from './dataset.ts';

/** A published file: where it may come from, in order of preference, and what it must be. */
export interface Remote {
  readonly urls: readonly string[];
  /** Of the whole file, in hex, as its publisher states it. */
  readonly md5: string;
}

/** Tries in a row that bring nothing new before a source is given up. */
const TRIES = 4;
const PROGRESS_BYTES = 1 << 20;

/** A refusal that another try would not change. */
class Refused extends Error {}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

interface Opened {
  body: AsyncIterable<Uint8Array>;
  /** Where the body begins in the file, and where the file ends if the server says so. */
  start: number;
  total: number | undefined;
}

/** Asks for the rest of a file from byte `have`; undefined when nothing is left. A server that cannot resume sends all of it. */
async function request(url: string, have: number, signal: AbortSignal | undefined): Promise<Opened | undefined> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (have > 0) headers.range = `bytes=${have}-`;
  const response = await fetch(url, { headers, signal: signal ?? null });
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+)/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 416) {
    await response.body?.cancel();
    if (range && Number(range[2]) === have) return undefined;
    throw new Error(`the server has no byte ${have}`);
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    const message = `the server answered ${response.status} ${response.statusText}`;
    throw response.status >= 500 ? new Error(message) : new Refused(message);
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const start = response.status === 206 ? Number(range?.[1] ?? have) : 0;
  const total = range ? Number(range[2]) : Number.isNaN(length) ? undefined : start + length;
  return { body: response.body as unknown as AsyncIterable<Uint8Array>, start, total };
}

async function append(file: FileHandle, { body, start, total }: Opened, onBytes: (at: number, total: number) => void): Promise<void> {
  let at = start;
  let told = start;
  for await (const chunk of body) {
    await file.write(chunk, 0, chunk.length, at);
    at += chunk.length;
    if (at - told >= PROGRESS_BYTES) {
      onBytes(at, total ?? at);
      told = at;
    }
  }
  if (total !== undefined && at !== total) throw new Error(`broke off at byte ${at} of ${total}`);
  onBytes(at, at);
}

/** One connection: brings `part` to its end or throws with what arrived kept. */
async function transfer(url: string, part: string, label: string, options: LoadOptions): Promise<void> {
  const have = await sizeOf(part);
  const opened = await request(url, have, options.signal);
  if (!opened) return;
  if (opened.start > have) throw new Error(`the server went on at byte ${opened.start} when asked for ${have}`);
  const file = await open(part, opened.start === 0 ? 'w' : 'r+');
  try {
    await append(file, opened, (at, total) => options.onProgress?.(`downloading ${label}`, at, total));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Connects again after a break until the file is whole, or until nothing new arrives. */
async function persist(url: string, part: string, label: string, options: LoadOptions, retryMs: number): Promise<void> {
  let best = await sizeOf(part);
  for (let idle = 1; ; idle++) {
    try {
      return await transfer(url, part, label, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const size = await sizeOf(part);
      if (size > best) [best, idle] = [size, 0];
      if (idle >= TRIES || error instanceof Refused || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      await sleep(retryMs * 2 ** idle);
    }
  }
}

/** The innermost reason: "fetch failed" hides the refused connection. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? reason(cause) : message;
}

/**
 * Brings a published file to `target`, unless it is there. What arrives goes to `target.part`, which a later call goes on with;
 * it becomes `target` only when its MD5 is the published one. Throws with every source tried; `byHand` is what the user may do instead.
 */
export async function download(
  name: string,
  remote: Remote,
  target: string,
  options: LoadOptions,
  byHand: string,
  retryMs = 500,
): Promise<void> {
  const label = basename(target);
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  const failures: string[] = [];
  for (const url of remote.urls) {
    try {
      await persist(url, part, label, options, retryMs);
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push(`${url}: ${reason(error)} (${await sizeOf(part)} bytes kept)`);
      continue;
    }
    const got = await md5Of(part);
    if (got === remote.md5) return await rename(part, target);
    await rm(part, { force: true });
    failures.push(`${url}: MD5 is ${got}, expected ${remote.md5} (thrown away)`);
  }
  throw new RampartError(`[data ${name}] could not download ${label}: ${failures.join('; ')}`, { remedy: `run it again, or ${byHand}` });
}

/** Throws unless the file at `path`, which somebody put there, is the published one. */
export async function verify(name: string, remote: Remote, path: string): Promise<void> {
  const got = await md5Of(path);
  if (got !== remote.md5)
    throw new RampartError(`[data ${name}] ${path}: MD5 is ${got}, expected ${remote.md5}`, {
      remedy: 'move it away and it is downloaded again',
    });
}

/** Downloads under a lock, so that workers that need the same data set fetch it once; `present` is asked again when the lock is held. */
export async function once(name: string, folder: string, options: LoadOptions, present: () => Promise<boolean>, body: () => Promise<void>) {
  await mkdir(options.dataDir, { recursive: true });
  const waiting = () => options.onProgress?.(`waiting for another process to download ${name}`, 0, 1);
  const held = await lock(`${folder}.lock`, options.signal, waiting);
  try {
    if (!(await present())) await body();
  } finally {
    await held.release();
  }
}

/** Whether a source answers within three seconds. */
export async function reachable(remote: Remote): Promise<boolean> {
  for (const url of remote.urls) {
    const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(3000) }).catch(() => undefined);
    if (answer?.ok) return true;
  }
  return false;
}
