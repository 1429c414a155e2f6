/** One process at a time: workers that need the same download wait for the one that fetches it. */
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 300;
const BEAT_MS = 5_000;
/** A lock of another machine is dead after so many missed beats. */
const STALE_MS = 12 * BEAT_MS;

/** Whether the process that wrote the lock is gone. */
async function abandoned(path: string): Promise<boolean> {
  try {
    const [host, pid] = (await readFile(path, 'utf8')).split(' ');
    const age = Date.now() - (await stat(path)).mtimeMs;
    if (host !== hostname() || !Number(pid)) return age > STALE_MS;
    process.kill(Number(pid), 0); // signal 0 only asks whether the process is there
    return age > STALE_MS;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ESRCH';
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${hostname()} ${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (await abandoned(path)) await rm(path, { force: true });
    return false;
  }
}

/** Runs `body` while holding the lock file `path`; `waiting` is called once if another process holds it. */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, waiting: () => void, body: () => Promise<T>): Promise<T> {
  let told = false;
  while (!(await acquire(path))) {
    signal?.throwIfAborted();
    if (!told) waiting();
    told = true;
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS);
  try {
    return await body();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}
