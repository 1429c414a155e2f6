/** A file, or bytes in memory, read piece by piece: what is asked for is never more than there is. */
import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { RampartError } from '../../errors.ts';

export interface ByteSource {
  /** What messages call it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** A copy of `length` bytes from `offset`. Throws a RampartError that names the source when they are not all there. */
  read(offset: number, length: number): Buffer<ArrayBuffer>;
}

function checkRange({ name, size }: Pick<ByteSource, 'name' | 'size'>, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!whole || offset + length > size)
    throw new RampartError(
      `[weights] ${name}: ends at byte ${size}, but bytes ${offset} to ${offset + length} were asked for: truncated or damaged`,
    );
}

export function bytesInMemory(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(this, offset, length);
      return Buffer.from(Uint8Array.from(bytes.subarray(offset, offset + length)).buffer);
    },
  };
}

/** Longest file that Node hashes at once. */
const MOST_BYTES = 2 ** 31 - 1;

/** Opens a file while `use` reads from it. Throws a RampartError where it is no plain file or cannot be read. */
export function withFile<T>(path: string, use: (source: ByteSource) => T): T {
  const fd = openFile(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile())
      throw new RampartError(`[weights] ${path} is ${stat.isDirectory() ? 'a folder' : 'no plain file'}, expected a file of weights`);
    const source: ByteSource = {
      name: path,
      size: stat.size,
      read(offset, length) {
        checkRange(this, offset, length);
        const bytes = Buffer.from(new ArrayBuffer(length));
        for (let done = 0; done < length; ) {
          const got = readSync(fd, bytes, done, Math.min(length - done, 1 << 30), offset + done);
          if (got === 0) throw new RampartError(`[weights] ${path} became shorter while it was read`);
          done += got;
        }
        return bytes;
      },
    };
    return use(source);
  } finally {
    closeSync(fd);
  }
}

function plainFile(path: string, stat: Stats): Stats {
  const fail = (what: string) => new RampartError(`[weights] ${path}: expected ${what}`);
  if (!stat.isFile()) throw fail(`a file, got ${stat.isDirectory() ? 'a folder' : 'a pipe or a device'}`);
  if (stat.size > MOST_BYTES) throw fail(`at most ${MOST_BYTES} bytes, got ${stat.size}`);
  return stat;
}

function openFile(path: string): number {
  try {
    plainFile(path, statSync(path)); // before it is opened: a pipe would wait for its writer
    return openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof RampartError) throw cause;
    throw new RampartError(`[weights] ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
