/** Files of a user's data, read by piece: each is opened when something is read of it. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { RampartError } from '../errors.ts';
import type { ByteSource } from '../models/import/bytes.ts';

const refuse = (path: string, what: string, cause?: unknown) => new RampartError(`[data] ${path}: ${what}`, { cause });

function sizeOf(path: string): number {
  try {
    const about = statSync(path);
    if (!about.isFile()) throw refuse(path, `expected a file, got ${about.isDirectory() ? 'a folder' : 'a pipe or a device'}`);
    return about.size;
  } catch (cause) {
    if (cause instanceof RampartError) throw cause;
    throw refuse(path, `cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** A plain file. Throws a RampartError that names it where it is none; reading throws one where the bytes are not all there. */
export function fileSource(path: string): ByteSource {
  const size = sizeOf(path);
  return {
    name: path,
    size,
    read(offset, length) {
      const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
      if (!whole || offset + length > size)
        throw refuse(path, `ends at byte ${size}, but bytes ${offset} to ${offset + length} were asked for: truncated or damaged`);
      const bytes = Buffer.from(new ArrayBuffer(length));
      const file = openSync(path, 'r');
      try {
        if (fstatSync(file).size !== size) throw refuse(path, 'changed while it was read');
        for (let done = 0; done < length; ) {
          const got = readSync(file, bytes, done, Math.min(length - done, 1 << 30), offset + done);
          if (got === 0) throw refuse(path, 'became shorter while it was read');
          done += got;
        }
      } finally {
        closeSync(file);
      }
      return bytes;
    },
  };
}

/** Of a list of names or labels. */
const MOST_LIST_BYTES = 16 * 2 ** 20;

/** Lines of a text file that are not empty. */
export function linesOf(file: string): string[] {
  const source = fileSource(file);
  if (source.size > MOST_LIST_BYTES)
    throw new RampartError(`[data] ${file}: expected at most ${MOST_LIST_BYTES} bytes, got ${source.size}`);
  return source
    .read(0, source.size)
    .toString()
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
