/** Files that are there whole or not at all, whoever reads while they are written and whenever the writer is killed. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAlive, processName } from '../lock.ts';

/** What stands between a file's name and `.tmp` while it is written: a random number, and who writes it. */
const UNFINISHED = /\.[0-9a-f]{8}~(\d+)~(\d*)~([^~]+)\.tmp$/;
/** A temporary file of whose writer nothing can be told is left over after an hour. */
const LEFT_OVER_MS = 3_600_000;

function temporaryName(file: string): string {
  const [host, pid, began] = processName().split(' ');
  return `${file}.${randomBytes(4).toString('hex')}~${pid}~${began}~${host}.tmp`;
}

/**
 * Writes all of `bytes` or nothing: a temporary file beside the target, then a rename. `durable`: both are on the disk when this resolves.
 * Throws the system's error.
 */
export async function writeAtomic(file: string, bytes: Uint8Array | string, { durable = true } = {}): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(bytes);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    if (durable) await syncFolder(dirname(file));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cause;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

/** Takes away what killed writers left in a folder; nothing of one that lives, and nothing where there is no such folder. */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const match = UNFINISHED.exec(name);
    if (!match) continue;
    const [, pid, began, host] = match;
    const file = join(folder, name);
    const age = Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (!(isAlive(`${host} ${pid} ${began}`) ?? age < LEFT_OVER_MS)) await rm(file, { force: true });
  }
}
