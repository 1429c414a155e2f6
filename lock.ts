/**
 * A lock file that one living process holds at a time, among processes of one machine or of several that share the folder.
 * Whoever holds it writes who they are and shows a sign of life; a lock whose holder is gone is taken over.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type StandstillWatch, whenStoodStill } from './patience.ts';

const POLL_MS = 300;
const BEAT_MS = 10_000;
/** A lock of whose holder nothing can be told is dead after so many missed beats. */
const STALE_MS = 6 * BEAT_MS;

/** When this process last found that it had stood still, in ms: a holder elsewhere that stood still with it has not had the time to show life. */
let stoodStillAt = Number.NEGATIVE_INFINITY;
let watch: StandstillWatch | undefined;

/** Whether a holder of whom nothing but the age of its last sign can be told is gone, as far as this process was there to see it. */
function isSilent(ageMs: number): boolean {
  watch ??= whenStoodStill(BEAT_MS, () => {
    stoodStillAt = Date.now();
  });
  watch.look();
  return ageMs >= STALE_MS && Date.now() - stoodStillAt >= STALE_MS;
}

/** A lock that is held until `release`. */
export interface Lock {
  /** Aborts when another process has taken it over: this one gave no sign of life for too long, as one that was frozen. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Where process numbers mean what they mean here. Containers and machines may share a host name: the boot of the kernel and the space of process numbers go with it. */
const MACHINE = `${hostname()}${spaceOfNumbers()}`;

function spaceOfNumbers(): string {
  try {
    const space = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}${readlinkSync('/proc/self/ns/pid')}`;
    return `+${createHash('sha256').update(space).digest('hex').slice(0, 12)}`;
  } catch {
    return ''; // not Linux
  }
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

/** Who this process is: machine, number, beginning. */
export function processName(): string {
  return `${MACHINE} ${process.pid} ${about(process.pid).began}`;
}

/** Whether the process of that name is here: undefined where that cannot be told, as of another machine's. */
export function isAlive(name: string): boolean | undefined {
  const [machine, pid, began] = name.split(' ');
  if (machine !== MACHINE || !(Number(pid) > 0)) return undefined;
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
    return { content, abandoned: !(isAlive(content) ?? !isSilent(age)) };
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
  const lost = new AbortController();
  const beat = setInterval(() => {
    void showLife(path, content).then((mine) => {
      if (mine) return;
      clearInterval(beat);
      lost.abort(new Error(`${path} was taken over by another process`));
    });
  }, BEAT_MS);
  beat.unref();
  return {
    lost: lost.signal,
    async release() {
      clearInterval(beat);
      if ((await look(path))?.content === content) await rm(path, { force: true });
    },
  };
}

/** Whether the lock still says `content`, as far as can be told. */
async function showLife(path: string, content: string): Promise<boolean> {
  try {
    if ((await readFile(path, 'utf8')) !== content) return false;
    await utimes(path, new Date(), new Date());
  } catch {
    // a folder that does not answer now may at the next beat
  }
  return true;
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
