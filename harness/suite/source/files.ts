/** Reads files that a suite names, or is: never more than a bound, and never a folder, a pipe or a device by mistake. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { RampartError } from '../../../errors.ts';

/** Longest file that Node reads at once. */
const MOST_BYTES = 2 ** 31 - 1;

/** Whatever `read` cannot do is an error that names the file. */
function named<T>(what: string, file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RampartError) throw cause;
    throw new RampartError(`[${what}] ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** The bytes, at most `most`, of a plain file, or of the one that a link leads to. `what` is for messages. */
export function readFileOf(what: string, file: string, most = MOST_BYTES): Buffer {
  return named(what, file, () => {
    const about = statSync(file);
    if (!about.isFile())
      throw new RampartError(`[${what}] ${file}: expected a file, got ${about.isDirectory() ? 'a folder' : 'a pipe or a device'}`);
    if (about.size > most) throw new RampartError(`[${what}] ${file}: expected at most ${most} bytes, got ${about.size}`);
    return readFileSync(file);
  });
}

/** The first `limit` + 1 bytes of a file or, as a shell's `<(...)` gives, of a pipe: whoever gets more than `limit` has a file that is too long. */
export function readStart(what: string, file: string, limit: number): Buffer {
  return named(what, file, () => {
    const opened = openSync(file, 'r');
    try {
      if (fstatSync(opened).isDirectory()) throw new RampartError(`[${what}] ${file}: expected a file, got a folder`);
      const bytes = Buffer.alloc(limit + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = readSync(opened, bytes, length, bytes.length - length, null);
      return bytes.subarray(0, length);
    } finally {
      closeSync(opened);
    }
  });
}
