/** A file, or bytes in memory, read piece by piece: what is asked for is never more than there is. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { RampartError } from '../../errors.ts';

export interface ByteSource {
  /** What messages call it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** A copy of `length` bytes from `offset`. Throws a RampartError that names the source when they are not all there. */
  read(offset: number, length: number): Buffer<ArrayBuffer>;
}

/** Whose file it is, for messages. */
type Whose = 'weights' | 'data';

const failing = (whose: Whose, name: string) => (what: string, cause?: unknown) =>
  new RampartError(`[${whose}] ${name}: ${what}`, { cause });

function checkRange({ name, size }: Pick<ByteSource, 'name' | 'size'>, offset: number, length: number, whose: Whose): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!whole || offset + length > size)
    throw failing(whose, name)(`ends at byte ${size}, but bytes ${offset} to ${offset + length} were asked for: truncated or damaged`);
}

export function bytesInMemory(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(this, offset, length, 'weights');
      return Buffer.from(Uint8Array.from(bytes.subarray(offset, offset + length)).buffer);
    },
  };
}

/** Bytes of an open file, all of them or an error. */
function readAt(
  file: number,
  source: Pick<ByteSource, 'name' | 'size'>,
  offset: number,
  length: number,
  whose: Whose,
): Buffer<ArrayBuffer> {
  checkRange(source, offset, length, whose);
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, Math.min(length - done, 1 << 30), offset + done);
    if (got === 0) throw failing(whose, source.name)('became shorter while it was read');
    done += got;
  }
  return bytes;
}

/** The size of a plain file. Looked at before it is opened: a pipe would wait for its writer. */
function sizeOf(path: string, whose: Whose): number {
  const fail = failing(whose, path);
  try {
    const about = statSync(path);
    if (!about.isFile()) throw fail(`expected a file, got ${about.isDirectory() ? 'a folder' : 'a pipe or a device'}`);
    return about.size;
  } catch (cause) {
    if (cause instanceof RampartError) throw cause;
    throw fail(`cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** A file of a user's data, opened when something is read of it. Throws a RampartError that names it where it is no plain file; reading throws one where the bytes are not all there. */
export function fileSource(path: string): ByteSource {
  const size = sizeOf(path, 'data');
  return {
    name: path,
    size,
    read(offset, length) {
      const file = openSync(path, 'r');
      try {
        if (fstatSync(file).size !== size) throw failing('data', path)('changed while it was read');
        return readAt(file, this, offset, length, 'data');
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Longest file that Node hashes at once. */
const MOST_BYTES = 2 ** 31 - 1;

/** Opens a file of weights while `use` reads from it. Throws a RampartError where it is no plain file or cannot be read. */
export function withFile<T>(path: string, use: (source: ByteSource) => T): T {
  const fail = failing('weights', path);
  const size = sizeOf(path, 'weights');
  if (size > MOST_BYTES) throw fail(`expected at most ${MOST_BYTES} bytes, got ${size}`);
  const file = opened(path, fail);
  try {
    return use({
      name: path,
      size,
      read(offset, length) {
        return readAt(file, this, offset, length, 'weights');
      },
    });
  } finally {
    closeSync(file);
  }
}

function opened(path: string, fail: ReturnType<typeof failing>): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw fail(`cannot be read: ${(cause as Error).message}`, cause);
  }
}
