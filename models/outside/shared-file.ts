/** Memory that two processes see: a file that never reaches a disk where the system has a place for such. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RampartError } from '../../errors.ts';

/** The memory of the system as files, where it offers that, and a folder of temporary files. Containers often have little of the first. */
const PLACES = ['/dev/shm', tmpdir()];

const ZEROS = new Uint8Array(1 << 20);

export class SharedFile {
  readonly path: string;
  readonly #file: number;
  #linked = true;

  /** Holds so many bytes, all of them there: a full place is an error now and not a fault of whoever touches them later. */
  constructor(bytes: number, places: readonly string[] = PLACES) {
    const opened = firstThatHolds(bytes, places);
    if (!('path' in opened))
      throw new RampartError(`no place for ${bytes} bytes that two processes see: ${opened.reasons.join('; ')}`, {
        remedy: 'make room, or use a smaller engine.batchSize',
      });
    this.path = opened.path;
    this.#file = opened.file;
  }

  write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done, at + done);
  }

  read(into: Uint8Array, at: number): void {
    for (let done = 0; done < into.length; ) {
      const read = readSync(this.#file, into, done, into.length - done, at + done);
      if (read === 0) throw new RampartError(`${this.path} was cut short`);
      done += read;
    }
  }

  /** Takes its name away: who has it open keeps it, and it is gone with the last of them, however they end. */
  unlink(): void {
    if (this.#linked) rmSync(dirname(this.path), { recursive: true, force: true });
    this.#linked = false;
  }

  close(): void {
    this.unlink();
    closeSync(this.#file);
  }
}

/** The file in the first place that has room, or why each has none. */
function firstThatHolds(bytes: number, places: readonly string[]): { path: string; file: number } | { reasons: string[] } {
  const reasons: string[] = [];
  for (const place of places) {
    let folder: string | undefined;
    try {
      folder = mkdtempSync(join(place, `rampart-live-${process.pid}-`));
      const path = join(folder, 'values');
      return { path, file: filled(path, bytes) };
    } catch (error) {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      reasons.push(`${place}: ${(error as Error).message}`);
    }
  }
  return { reasons };
}

function filled(path: string, bytes: number): number {
  const file = openSync(path, 'wx+', 0o600);
  try {
    for (let done = 0; done < bytes; ) done += writeSync(file, ZEROS, 0, Math.min(ZEROS.length, bytes - done), done);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}
