/**
 * The contract of where a run keeps what it makes, and all that its jobs need of each other: records and checkpoints by key, artifacts by
 * their hash. What is damaged reads as if it were not there; whoever opened the store is told, by name and with the reason.
 */
import { RampartError } from '../errors.ts';
import type { Entry } from '../models/safetensors.ts';
import type { Examples } from './examples.ts';
import type { Labels } from './packed/labels.ts';
import type { AnyCellRecord, RampartRecord } from './record.ts';
import type { JobRecord, Records } from './record-file.ts';
import type { RunIndex } from './run-index.ts';
import type { ImageRange } from './shard.ts';

/** A failure of the store is one of the whole run: no later job could keep its result either. */
export class StoreError extends RampartError {
  override readonly exitCode = 1;
}

/** Something that is there and cannot be taken. */
export interface Damage {
  /** As a user finds it: a path, for a store in a folder. */
  readonly what: string;
  readonly reason: string;
}

export interface StoreOptions {
  /** Told of everything damaged that is read; without it, the first is thrown as an error. */
  onDamage?(damage: Damage): void;
  /** Whether what is damaged is put aside, so that another takes its place: for a run, not for a reader. */
  readonly mend?: boolean;
}

/** Where a job keeps the state that it resumes from. A state is loaded whole and as it was saved, or not at all. */
export interface Checkpoint {
  /** What `decode` makes of the state; one that it throws a RampartError on is of no use here, and reads as if it were damaged. */
  load<T>(decode: (state: Uint8Array) => T): Promise<T | undefined>;
  save(state: Uint8Array): Promise<void>;
  drop(): Promise<void>;
}

/** A right to a job, until it is released or its holder is gone. */
export interface Claim {
  /** Aborts when another has taken it over, because its holder gave no sign of life. */
  readonly lost?: AbortSignal;
  release(): Promise<void>;
}

export type Kind = keyof Records;

export interface Store {
  /** For messages. */
  readonly place: string;
  /** Tries whether it can be written to, and takes away what killed runs left half done. Throws with the remedy. */
  prepare(): Promise<void>;

  /** Of this store, whatever path leads to it: made once, and the same for all that see it. */
  id(): Promise<string>;

  /** Every record of models and cells, models first, each in the order of keys. */
  records(): Promise<RampartRecord[]>;
  record<K extends Kind>(kind: K, key: string): Promise<Records[K] | undefined>;
  /** Checks the record against its schema, keeps it, and drops the checkpoint that led to it, unless that is what a shard has found. */
  writeRecord(record: JobRecord): Promise<void>;
  /** Forgets a record, if it is there. */
  removeRecord(kind: Kind, key: string): Promise<void>;

  /** The bytes whose SHA-256 is `hash`: weights and plug-in files. */
  artifact(hash: string): Promise<Uint8Array | undefined>;
  /** Resolves with the SHA-256. */
  putArtifact(bytes: Uint8Array): Promise<string>;

  /** The file of images to be published whose SHA-256 is `hash`: originals, or what an attack made of them. */
  images(hash: string): Promise<Uint8Array | undefined>;
  /** Resolves with the SHA-256. */
  putImages(bytes: Uint8Array): Promise<string>;

  /** Keeps the labels of test images, for every record on these images. Resolves with the hash of their file. */
  putLabels(labels: Labels): Promise<string>;
  /** Whether the labels whose file has this hash are there and whole: records on them cannot be read without. */
  hasLabels(hash: string): Promise<boolean>;

  /** The examples kept of a cell; where its record has their hash, those and no others. */
  examples(cell: AnyCellRecord): Promise<Examples | undefined>;
  /** By the keys of cells, the ranges of their images that have a checkpoint: shards that are done, or begun. */
  shards(): Promise<Map<string, ImageRange[]>>;
  /** Forgets all shards of a cell. */
  removeShards(cell: string): Promise<void>;

  /** Resolves with the SHA-256 for the record. */
  writeExamples(key: string, entries: ReadonlyMap<string, Entry>): Promise<string>;

  checkpoint(kind: Kind, key: string): Checkpoint;
  /** The right to have a job done. Undefined while another run has it, and while a worker of a run that is gone still works at the job. */
  claim(kind: Kind, key: string): Promise<Claim | undefined>;
  /** The right to write what a job makes, for who does it: one at a time, who finds nothing that another left half written. Undefined while another has it. */
  work(kind: Kind, key: string): Promise<Claim | undefined>;

  /** What the run that ended last here was, if one did. */
  index(): Promise<RunIndex | undefined>;
  writeIndex(index: RunIndex): Promise<void>;
}

/** What two runs of the same suite must agree on: the record without times, speeds, memory and provenance. */
export function comparable(record: RampartRecord): unknown {
  const timed = new Set(['wallMs', 'suspendedMs', 'batchSize', 'imagesPerSecond', 'peakMemoryMb', 'split', 'provenance', 'shards']);
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
