/** Records and artifacts in a folder, found by key; every write is atomic, and what cannot be written says why. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RampartError } from '../errors.ts';
import { type Entry, readSafetensors, writeSafetensors } from '../models/safetensors.ts';
import { writeAtomic } from './atomic.ts';
import { LIMITS, readPlain, UnfitFile } from './plain-file.ts';
import { type CellRecord, cellRecordSchema, type ModelRecord, modelRecordSchema, type RampartRecord } from './record.ts';
import { parseRecord } from './record-file.ts';

/** A failure of the store is one of the whole run: no later job could keep its result either. */
export class StoreError extends RampartError {
  override readonly exitCode = 1;
}

const REASONS: Record<string, [what: string, remedy: string]> = {
  ENOSPC: ['no space left on the disk', 'free some space and run again; what is finished is kept and reused'],
  EDQUOT: ['the disk quota is used up', 'free some space and run again; what is finished is kept and reused'],
  EROFS: ['the folder is on a read-only file system', 'choose a folder that can be written with --out DIR'],
  EACCES: ['permission denied', 'choose a folder that can be written with --out DIR'],
  EPERM: ['operation not permitted', 'choose a folder that can be written with --out DIR'],
  ENOTDIR: ['a part of the path is a file', 'choose another folder with --out DIR'],
  EEXIST: ['a file is in the way of a folder', 'choose another folder with --out DIR'],
};

function storeError(cause: unknown, doing: string): StoreError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const [what, remedy] = REASONS[code ?? ''] ?? [message, 'see the system error'];
  return new StoreError(`[store] cannot ${doing}: ${what}${code ? ` (${code})` : ''}`, { remedy, cause });
}

/** Writes all of `bytes` or nothing; a failure says what is in the way. */
async function write(file: string, bytes: Uint8Array | string): Promise<void> {
  await writeAtomic(file, bytes).catch((cause: unknown) => {
    throw storeError(cause, `write ${file} (${Buffer.byteLength(bytes)} bytes)`);
  });
}

/** The bytes of a file, or undefined where there is none. */
async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storeError(cause, `read ${file}`);
  }
}

/** Where a job keeps the state that it resumes from. */
export interface Checkpoint {
  load(): Promise<Uint8Array | undefined>;
  save(state: Uint8Array): Promise<void>;
}

export class Store {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes the folder and tries to write in it, so that a run is refused before it has worked. */
  async prepare(): Promise<void> {
    try {
      // mkdir tells a read-only file system as ENOENT when several folders are to be made
      await access(nearestFolder(this.dir), constants.W_OK);
      await mkdir(this.dir, { recursive: true });
      const probe = join(this.dir, `.writable-${process.pid}`);
      await writeFile(probe, '');
      await rm(probe, { force: true });
    } catch (cause) {
      const { message, remedy } = storeError(cause, `write to the output folder ${this.dir}`);
      throw new RampartError(message.replace(`; ${remedy}`, ''), { remedy, cause });
    }
  }

  #model(key: string, file: string): string {
    return join(this.dir, 'models', key, file);
  }
  #cell(key: string, suffix: string): string {
    return join(this.dir, 'cells', `${key}${suffix}`);
  }
  #recordFile(kind: RampartRecord['kind'], key: string): string {
    return join(this.dir, recordPath(kind, key));
  }

  async modelRecord(key: string): Promise<ModelRecord | undefined> {
    return readRecord('model', this.dir, recordPath('model', key));
  }
  async cellRecord(key: string): Promise<CellRecord | undefined> {
    return readRecord('cell', this.dir, recordPath('cell', key));
  }
  async record(kind: RampartRecord['kind'], key: string): Promise<RampartRecord | undefined> {
    return kind === 'model' ? this.modelRecord(key) : this.cellRecord(key);
  }

  /** Checks the record against its schema, writes it, and drops the checkpoint that led to it. */
  async writeRecord(record: RampartRecord): Promise<void> {
    const checked = record.kind === 'model' ? modelRecordSchema.parse(record) : cellRecordSchema.parse(record);
    await write(this.#recordFile(record.kind, record.key), `${JSON.stringify(checked, null, 1)}\n`);
    if (record.status === 'done') await rm(this.#checkpointFile(record.kind, record.key), { force: true });
  }

  /** Forgets a failed record, which is tried again. */
  async removeRecord(kind: RampartRecord['kind'], key: string): Promise<void> {
    await rm(this.#recordFile(kind, key), { force: true });
  }

  async writeWeights(key: string, bytes: Uint8Array): Promise<void> {
    await write(this.#model(key, 'weights.safetensors'), bytes);
  }
  /** The weights file of a model, whole. */
  async weights(key: string): Promise<Buffer> {
    const bytes = await readIfThere(this.#model(key, 'weights.safetensors'));
    if (!bytes)
      throw new RampartError(`[store] ${this.#model(key, 'weights.safetensors')} is missing`, {
        remedy: 'delete its folder and run again',
      });
    return bytes;
  }

  /** `adversarial` is `[k,h,w,c]`, of the test examples `ids`. */
  async writeExamples(key: string, entries: ReadonlyMap<string, Entry>): Promise<void> {
    await write(this.#cell(key, '.examples.safetensors'), writeSafetensors(entries));
  }
  async examples(key: string): Promise<Map<string, Entry> | undefined> {
    const file = this.#cell(key, '.examples.safetensors');
    const bytes = await readIfThere(file);
    return bytes && readSafetensors(bytes, file).entries;
  }

  #checkpointFile(kind: RampartRecord['kind'], key: string): string {
    return kind === 'model' ? this.#model(key, 'checkpoint.bin') : this.#cell(key, '.checkpoint.bin');
  }
  checkpoint(kind: RampartRecord['kind'], key: string): Checkpoint {
    const file = this.#checkpointFile(kind, key);
    return { load: () => readIfThere(file), save: (state) => write(file, state) };
  }
}

/** Where a record lies, relative to the output folder. */
function recordPath(kind: RampartRecord['kind'], key: string): string {
  return kind === 'model' ? `models/${key}/record.json` : `cells/${key}.json`;
}

/** The folder itself, or the nearest one above it that is there. */
function nearestFolder(dir: string): string {
  let folder = resolve(dir);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

async function readRecord<K extends RampartRecord['kind']>(kind: K, dir: string, path: string) {
  const file = join(dir, path);
  try {
    return parseRecord(kind, await readPlain(dir, path, LIMITS.record));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(cause instanceof UnfitFile)) throw storeError(cause, `read ${file}`);
    throw new RampartError(`[store] ${file} is not a record of this version: ${cause.message}`, {
      remedy: 'delete it and run again',
      cause,
    });
  }
}

/** Names in a folder in order; none where the folder is not there. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storeError(cause, `read ${folder}`);
  }
}

/** Every record under an output folder, models first, each in the order of keys; checked against the schema. */
export async function readRecords(dir: string): Promise<RampartRecord[]> {
  const records: RampartRecord[] = [];
  for (const key of await namesIn(join(dir, 'models'))) {
    const record = await readRecord('model', dir, recordPath('model', key));
    if (record) records.push(record);
  }
  for (const file of await namesIn(join(dir, 'cells'))) {
    if (!file.endsWith('.json')) continue;
    const record = await readRecord('cell', dir, `cells/${file}`);
    if (record) records.push(record);
  }
  return records;
}

/** What two runs of the same suite must agree on: the record without times, speeds, memory and provenance. */
export function comparable(record: RampartRecord): unknown {
  const timed = new Set(['wallMs', 'imagesPerSecond', 'peakMemoryMb', 'split', 'provenance']);
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !timed.has(key))
        .map(([key, member]) => [key, strip(member)]),
    );
  };
  return strip(record);
}
