/** A name of a folder that does not depend on where it is mounted: a file in it, made once by whoever comes first. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long whoever has made the file may take to write into it: 5 seconds, as so many looks. */
const LOOKS = 100;
const LOOK_MS = 50;

/** 24 hex digits. Rejects where the file cannot be made, or holds something else. */
export async function folderId(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, randomBytes(12).toString('hex'), { flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
  for (let looks = 1; ; looks++, await sleep(LOOK_MS)) {
    const id = await readFile(file, 'utf8');
    if (/^[0-9a-f]{24}$/.test(id)) return id;
    if (id !== '' || looks > LOOKS) throw new Error('it does not hold the 24 hex digits that it should: remove it where no run is at work');
  }
}
