/**
 * A lock file that one living process holds at a time, among processes of one machine or of several that share the folder.
 * Whoever holds it writes who they are and shows a sign of life; a lock whose holder is gone is taken over.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 300;
const BEAT_MS = 5_000;
/** A lock of whose holder nothing can be told is dead after so many missed beats. */
const STALE_MS = 12 * BEAT_MS;

/** A lock that is held until `release`. */
export interface Lock {
  release(): Promise<void>;
}

/** When a process began, as the kernel counts it, so that another one under its number is not taken for it; and whether it has ended, and only waits for its parent to hear of it. Empty where that is not told. */
function about(pid: number): { began: string; ended: boolean } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { began: fields[19] ?? '', ended: /[ZX]/.test(fields[0] ?? '') };
  } catch {
    return { began: '', ended: false }; // not Linux
  }
}

/** Who this process is: host, number, beginning. */
export function processName(): string {
  return `${hostname()} ${process.pid} ${about(process.pid).began}`;
}

/** Whether the process of that name is here: undefined where that cannot be told, as of another host's. */
export function isAlive(name: string): boolean | undefined {
  const [host, pid, began] = name.split(' ');
  if (host !== hostname() || !(Number(pid) > 0)) return undefined;
  try {
    process.kill(Number(pid), 0); // signal 0 only asks whether the process is there
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = about(Number(pid));
  if (now.ended) return false;
  return began ? now.began === began : undefined;
}

/** What a lock file says, and whether its holder is gone; undefined where there is none. */
async function look(path: string): Promise<{ content: string; abandoned: boolean } | undefined> {
  try {
    const content = await readFile(path, 'utf8');
    const age = Date.now() - (await stat(path)).mtimeMs;
    return { content, abandoned: !(isAlive(content) ?? age < STALE_MS) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Takes the lock file `path`, from a holder that is gone if need be; undefined while a living process holds it. Its folder must be there. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  const content = `${processName()} ${randomBytes(6).toString('hex')}`;
  if (!(await create(path, content)) && !(await takeOver(path, content))) return undefined;
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS);
  beat.unref();
  return {
    async release() {
      clearInterval(beat);
      if ((await look(path))?.content === content) await rm(path, { force: true });
    },
  };
}

/**
 * Several processes may find a lock abandoned. The one that holds a lock on changing it, named after what it says, looks again and writes
 * over it. What a lock says never comes again: whoever is given that right later finds another text and leaves it alone.
 */
async function takeOver(path: string, content: string): Promise<boolean> {
  const found = await look(path);
  if (!found?.abandoned) return false;
  const right = await tryLock(`${path}.${found.content.split(' ')[3] ?? 'unnamed'}`);
  if (!right) return false;
  try {
    const now = await look(path);
    if (now?.content !== found.content || !now.abandoned) return false;
    await writeFile(path, content);
    return true;
  } finally {
    await right.release();
  }
}

/** Waits for the lock; `waiting` is called once if another process holds it. Rejects with the reason of `signal`. */
export async function lock(path: string, signal?: AbortSignal, waiting: () => void = () => undefined): Promise<Lock> {
  for (let told = false; ; told = true) {
    signal?.throwIfAborted();
    const held = await tryLock(path);
    if (held) return held;
    if (!told) waiting();
    await sleep(POLL_MS);
  }
}
