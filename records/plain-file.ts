/** Reads files that others may have written: plain ones of bounded size, and never what a link, a pipe or a device leads to. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RampartError } from '../errors.ts';
import { sha256 } from './hash.ts';

/** Why a file is not taken. The message neither names the file nor holds anything of what is in it. */
export class UnfitFile extends RampartError {}

/** Most bytes of each kind of file. A record takes a few bytes per image (one of before, about 30), labels three, and examples 8 per value of an image. */
export const LIMITS = {
  record: 16 * 2 ** 20,
  examples: 128 * 2 ** 20,
  weights: 4 * 2 ** 30,
} as const;

/** What stands at a path, for people. */
export function kindOf(about: Pick<Stats, 'isSymbolicLink' | 'isDirectory' | 'isFIFO' | 'isSocket'>): string {
  if (about.isSymbolicLink()) return 'a link';
  if (about.isDirectory()) return 'a folder';
  return about.isFIFO() ? 'a pipe' : about.isSocket() ? 'a socket' : 'a device';
}

function refuse(about: Stats, limit: number): void {
  if (!about.isFile()) throw new UnfitFile(`expected a plain file, got ${kindOf(about)}`);
  if (about.size > limit) throw new UnfitFile(`expected at most ${limit} bytes, got ${about.size}`);
}

/** Opens `path`, relative to `root`, for reading; `root` itself may be a link, what is below it may not. Throws `UnfitFile`, or the system's error. */
async function openPlain(root: string, path: string, limit: number): Promise<FileHandle> {
  const file = join(root, path);
  // before it is opened: opening a pipe waits, and opening a device may do anything
  refuse(await lstat(file), limit);
  if ((await realpath(dirname(file))) !== dirname(join(await realpath(root), path)))
    throw new UnfitFile('expected a plain file, got one in a folder that is a link');
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    refuse(await handle.stat(), limit);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The bytes of a file below `root`, at most `limit`. Throws `UnfitFile` where it is not a plain file of that size, the system's error where it cannot be read. */
export async function readPlain(root: string, path: string, limit: number): Promise<Buffer> {
  const handle = await openPlain(root, path, limit);
  try {
    const bytes = Buffer.alloc((await handle.stat()).size);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      ({ bytesRead: read } = await handle.read(bytes, length, bytes.length - length));
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** The SHA-256 of a file below `root`, in hex, without holding it in memory. Throws as `readPlain` does. */
export async function hashPlain(root: string, path: string, limit: number): Promise<string> {
  const handle = await openPlain(root, path, limit);
  try {
    const hash = createHash('sha256');
    for await (const chunk of handle.createReadStream({ autoClose: false, end: limit })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } finally {
    await handle.close();
  }
}

/** The bytes, whose SHA-256 must be `hash`. Throws `UnfitFile`. */
export function asHashed(bytes: Buffer, hash: string): Buffer {
  const got = sha256(bytes);
  if (got !== hash) throw new UnfitFile(`expected SHA-256 ${hash}, got ${got}: it was changed after it was written`);
  return bytes;
}
