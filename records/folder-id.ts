/** A name of a folder that does not depend on where it is mounted: a file in it, made once by whoever comes first. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long whoever has made the file may take to write into it. */
const PATIENCE_MS = 5_000;

/** 24 hex digits. Rejects where the file cannot be made, or holds something else. */
export async function folderId(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, randomBytes(12).toString('hex'), { flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const id = await readFile(file, 'utf8');
    if (/^[0-9a-f]{24}$/.test(id)) return id;
    if (id !== '' || Date.now() > end)
      throw new Error('it does not hold the 24 hex digits that it should: remove it where no run is at work');
  }
}
