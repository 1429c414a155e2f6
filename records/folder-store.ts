/** The store in a folder. Every write is atomic, and what cannot be written says why. */
import { existsSync, type Stats } from 'node:fs';
import { access, constants, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import pLimit from 'p-limit';
import { RampartError } from '../errors.ts';
import { tryLock } from '../lock.ts';
import { type Entry, writeSafetensors } from '../models/safetensors.ts';
import { removeUnfinished, writeAtomic } from './atomic.ts';
import { type Examples, parseExamples } from './examples.ts';
import { folderId } from './folder-id.ts';
import { sha256 } from './hash.ts';
import { packCell } from './packed/cell.ts';
import { type Labels, labelsFile, parseLabels } from './packed/labels.ts';
import { CHECKPOINT, FOLDERS, nearestFolder, PATHS } from './paths.ts';
import { asHashed, LIMITS, readPlain, UnfitFile } from './plain-file.ts';
import type { AnyCellRecord, RampartRecord } from './record.ts';
import { type JobRecord, parseJson, parseStored, type Records, SCHEMAS } from './record-file.ts';
import { indexSchema, type RunIndex } from './run-index.ts';
import { seal, stateIn, unseal, withChecksum } from './seal.ts';
import { type ImageRange, rangesByCell } from './shard.ts';
import type { Checkpoint, Claim, Kind, Store, StoreOptions } from './store.ts';
import { codeOf, IN_THE_WAY, storeError } from './store-error.ts';

/** Files open at a time, of all that is asked: a run on many machines asks for thousands at once, and a process may open some thousand. */
const few = pLimit(128);

export class FolderStore implements Store {
  readonly place: string;
  readonly #options: StoreOptions;
  /** By the hash of their file. */
  readonly #labels = new Map<string, Promise<Labels | undefined>>();

  constructor(dir: string, options: StoreOptions = {}) {
    this.place = dir;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    try {
      // mkdir tells a read-only file system as ENOENT when several folders are to be made
      await access(nearestFolder(this.place), constants.W_OK);
      await mkdir(this.place, { recursive: true });
      const probe = join(this.place, `.writable-${process.pid}`);
      await writeFile(probe, '');
      await rm(probe, { force: true });
    } catch (cause) {
      const { message, remedy } = storeError(cause, `write to the output folder ${this.place}`);
      throw new RampartError(message.replace(`; ${remedy}`, ''), { remedy, cause });
    }
    for (const folder of ['.', ...FOLDERS, ...(await this.#names('models')).map((key) => `models/${key}`)])
      await removeUnfinished(join(this.place, folder));
    // claims of runs that are gone
    for (const name of await this.#names('claims')) await (await this.#lock(`claims/${name}`))?.release();
  }

  async id(): Promise<string> {
    const file = join(this.place, PATHS.id);
    return folderId(file).catch((cause: unknown) => {
      throw storeError(cause, `read or write ${file}`);
    });
  }

  async records(): Promise<RampartRecord[]> {
    const records: (RampartRecord | undefined)[] = [];
    for (const key of await this.#names('models')) records.push(await this.record('model', key));
    for (const name of await this.#names('cells'))
      if (name.endsWith('.json')) records.push(await this.record('cell', name.slice(0, -'.json'.length)));
    return records.filter((record) => record !== undefined);
  }

  record<K extends Kind>(kind: K, key: string): Promise<Records[K] | undefined> {
    return this.#read(PATHS.record(kind, key), LIMITS.record, async (bytes) => {
      const stored = parseStored(kind, bytes);
      const record = 'record' in stored ? stored.record : stored.with(await this.#labelsOf(stored.images));
      if (record.key !== key) throw new UnfitFile(`holds the record ${record.key}, not the one of its name`);
      return record;
    });
  }

  async writeRecord(record: JobRecord): Promise<void> {
    const checked = SCHEMAS[record.kind].parse(record);
    const text = checked.kind === 'cell' ? await this.#cellText(checked) : seal(checked);
    await this.#write(PATHS.record(record.kind, record.key), text);
    if (record.status === 'done' && record.kind !== 'shard') await this.checkpoint(record.kind, record.key).drop();
  }

  /** The labels come first: a record is whole as soon as it is there. */
  async #cellText(cell: AnyCellRecord): Promise<string> {
    const { outcomes, indices } = cell;
    const labels = { labels: outcomes.labels, indices };
    const packed = packCell(cell, labelsFile(labels).hash);
    if (!packed) return seal(cell);
    await this.putLabels(labels);
    return seal(packed, 0);
  }

  async removeRecord(kind: Kind, key: string): Promise<void> {
    await rm(join(this.place, PATHS.record(kind, key)), { force: true });
  }

  artifact(hash: string): Promise<Uint8Array | undefined> {
    return this.#read(PATHS.artifact(hash), LIMITS.weights, (bytes) => asHashed(bytes, hash));
  }

  putArtifact(bytes: Uint8Array): Promise<string> {
    return this.#put(bytes, PATHS.artifact, (hash) => this.artifact(hash));
  }

  images(hash: string): Promise<Uint8Array | undefined> {
    return this.#read(PATHS.images(hash), LIMITS.examples, (bytes) => asHashed(bytes, hash));
  }

  putImages(bytes: Uint8Array): Promise<string> {
    return this.#put(bytes, PATHS.images, (hash) => this.images(hash));
  }

  async #put(bytes: Uint8Array, place: (hash: string) => string, there: (hash: string) => Promise<unknown>): Promise<string> {
    const hash = sha256(bytes);
    if (!(await there(hash))) await this.#write(place(hash), bytes);
    return hash;
  }

  async putLabels(labels: Labels): Promise<string> {
    const { hash, text } = labelsFile(labels);
    if (await this.hasLabels(hash)) return hash;
    await this.#write(PATHS.labels(hash), text);
    return hash;
  }

  async hasLabels(hash: string): Promise<boolean> {
    return (await this.#labelsAt(hash)) !== undefined;
  }

  async #labelsOf(hash: string): Promise<Labels> {
    const labels = await this.#labelsAt(hash);
    if (!labels) throw new UnfitFile(`the labels of its images, ${PATHS.labels(hash)}, are not there`);
    return labels;
  }

  /** Read once, and shared by the records on them. */
  #labelsAt(hash: string): Promise<Labels | undefined> {
    const known = this.#labels.get(hash);
    if (known) return known;
    const read = this.#read(PATHS.labels(hash), LIMITS.record, (bytes) => parseLabels(bytes, hash)).then((labels) => {
      if (!labels) this.#labels.delete(hash); // another process may write them
      return labels;
    });
    this.#labels.set(hash, read);
    return read;
  }

  examples(cell: AnyCellRecord): Promise<Examples | undefined> {
    return this.#read(PATHS.examples(cell.key), LIMITS.examples, (bytes) =>
      parseExamples(cell.examples === undefined ? bytes : asHashed(bytes, cell.examples), cell),
    );
  }

  async writeExamples(key: string, entries: ReadonlyMap<string, Entry>): Promise<string> {
    const bytes = writeSafetensors(entries);
    await this.#write(PATHS.examples(key), bytes);
    return sha256(bytes);
  }

  async shards(): Promise<Map<string, ImageRange[]>> {
    const begun = (await this.#names('shards')).filter((name) => name.endsWith(CHECKPOINT));
    return rangesByCell(begun.map((name) => name.slice(0, -CHECKPOINT.length)));
  }

  async removeShards(cell: string): Promise<void> {
    const own = (await this.#names('shards')).filter((name) => name.startsWith(`${cell}-`));
    for (const name of own) await rm(join(this.place, 'shards', name), { force: true, recursive: true });
  }

  checkpoint(kind: Kind, key: string): Checkpoint {
    const path = PATHS.checkpoint(kind, key);
    return {
      load: (decode) => this.#read(path, LIMITS.weights, (bytes) => decode(stateIn(bytes))),
      save: (state) => this.#write(path, withChecksum(state)),
      drop: () => rm(join(this.place, path), { force: true, recursive: true }),
    };
  }

  async claim(kind: Kind, key: string): Promise<Claim | undefined> {
    const claim = await this.#lock(PATHS.claim(kind, key));
    const idle = claim && (await this.#lock(PATHS.work(kind, key)));
    await (idle ?? claim)?.release();
    return idle && claim;
  }

  async work(kind: Kind, key: string): Promise<Claim | undefined> {
    const work = await this.#lock(PATHS.work(kind, key));
    if (work) for (const path of [PATHS.record(kind, key), PATHS.artifact(key)]) await removeUnfinished(dirname(join(this.place, path)));
    return work;
  }

  index(): Promise<RunIndex | undefined> {
    return this.#read(PATHS.index, LIMITS.record, (bytes) => {
      const json = parseJson(bytes);
      const parsed = indexSchema.safeParse(json !== null && typeof json === 'object' ? unseal(json) : json);
      if (!parsed.success) throw new UnfitFile('is not an index of this version');
      return parsed.data;
    });
  }

  async writeIndex(index: RunIndex): Promise<void> {
    await this.#write(PATHS.index, seal(index));
  }

  /** What `parse` makes of a file; undefined where there is none, or one that is damaged. */
  async #read<T>(path: string, limit: number, parse: (bytes: Buffer) => T | Promise<T>): Promise<T | undefined> {
    try {
      return await parse(await few(() => readPlain(this.place, path, limit)));
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined;
      if (!(cause instanceof RampartError)) throw storeError(cause, `read ${join(this.place, path)}`);
      await this.#damaged(path, cause.message);
      return undefined;
    }
  }

  /** Names in a folder in order; none where there is no folder. */
  async #names(folder: string): Promise<string[]> {
    try {
      return (await readdir(join(this.place, folder))).sort();
    } catch (cause) {
      if (codeOf(cause) === 'ENOTDIR') await this.#damaged(folder, 'is no folder');
      else if (codeOf(cause) !== 'ENOENT') throw storeError(cause, `read ${join(this.place, folder)}`);
      return [];
    }
  }

  async #write(path: string, bytes: Uint8Array | string): Promise<void> {
    const file = join(this.place, path);
    try {
      await this.#inTheClear(path, () => few(() => writeAtomic(file, bytes)));
    } catch (cause) {
      throw storeError(cause, `write ${file} (${Buffer.byteLength(bytes)} bytes)`);
    }
  }

  async #lock(path: string): Promise<Claim | undefined> {
    const file = join(this.place, path);
    try {
      return await this.#inTheClear(path, async () => {
        await mkdir(dirname(file), { recursive: true });
        return few(() => tryLock(file));
      });
    } catch (cause) {
      throw storeError(cause, `write ${file}`);
    }
  }

  /** Does `work` on a path; where a file is in the place of a folder or the other way round, puts it aside first. */
  async #inTheClear<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (!this.#options.mend || !IN_THE_WAY.has(codeOf(cause))) throw cause;
      const parts = path.split('/');
      for (const [i] of parts.entries()) {
        const part = parts.slice(0, i + 1).join('/');
        const there = await lstat(join(this.place, part)).catch((): Stats | undefined => undefined);
        const fits = i < parts.length - 1 ? there?.isDirectory() : there?.isFile();
        if (there && !fits) await this.#damaged(part, i < parts.length - 1 ? 'is no folder' : 'is no plain file');
      }
      return work();
    }
  }

  /** Tells of something damaged, and puts it aside where that is wanted. */
  async #damaged(path: string, reason: string): Promise<void> {
    const { mend, onDamage } = this.#options;
    const what = join(this.place, path);
    if (!onDamage) throw new RampartError(`[store] ${what}: ${reason}`, { remedy: 'run the suite again, which makes another' });
    const aside = mend ? await this.#putAside(path) : undefined;
    onDamage({ what, reason: aside === undefined ? reason : `${reason}; put aside as ${join(PATHS.damaged, basename(aside))}` });
  }

  async #putAside(path: string): Promise<string> {
    const from = join(this.place, path);
    const name = relative(this.place, from).split(sep).join('-');
    let to = join(this.place, PATHS.damaged, name);
    for (let i = 2; existsSync(to); i++) to = join(this.place, PATHS.damaged, `${name}.${i}`);
    try {
      await mkdir(dirname(to), { recursive: true });
      await rename(from, to);
    } catch (cause) {
      // another process of this run may have been first
      if (codeOf(cause) !== 'ENOENT') throw storeError(cause, `put ${from} aside`);
    }
    return to;
  }
}
