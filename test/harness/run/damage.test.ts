/** Damaged files in the folder of a run: each is noticed, and the next run ends with the records of one that was never disturbed. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { Checkpoint, Kind } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { contents, inProcess } from './in-process.ts';

/** Keeps the bytes of every checkpoint's file as it was saved last but one. */
class WatchedStore extends FolderStore {
  readonly saved = new Map<string, Buffer>();

  override checkpoint(kind: Kind, key: string): Checkpoint {
    const path = kind === 'model' ? `models/${key}/checkpoint.bin` : `cells/${key}.checkpoint.bin`;
    const checkpoint = super.checkpoint(kind, key);
    let before: Buffer | undefined;
    return {
      ...checkpoint,
      save: async (state) => {
        await checkpoint.save(state);
        this.saved.set(path, before ?? readFileSync(join(this.place, path)));
        before = readFileSync(join(this.place, path));
      },
    };
  }
}

interface Finished {
  readonly dir: string;
  readonly wanted: unknown;
  /** By what it is: the file, and what has to be taken away for a run to read it. */
  readonly files: Readonly<Record<string, { readonly path: string; readonly bytes?: Buffer; readonly without?: readonly string[] }>>;
}

let base: Finished;

beforeAll(async () => {
  // not of one test
  const dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  const store = new WatchedStore(dir);
  const { run } = await inProcess(store);
  const { records, failed } = await run();
  expect(failed).toEqual([]);
  const model = records.find((r) => r.kind === 'model');
  const cell = (label: string) => records.find((r) => r.kind === 'cell' && r.attack.label === label);
  const square = cell('square');
  if (model?.kind !== 'model' || square?.kind !== 'cell' || !square.examples) throw new Error('the run kept no examples of square');
  const record = (key = '') => `cells/${key}.json`;
  const training = `models/${model.key}/checkpoint.bin`;
  const attack = `cells/${square.key}.checkpoint.bin`;
  base = {
    dir,
    wanted: await contents(records, store),
    files: {
      'the record of a model': { path: `models/${model.key}/record.json` },
      'the record of a clean cell': { path: record(cell('clean')?.key) },
      'the record of an attack': { path: record(square.key) },
      weights: { path: `artifacts/${model.weightsHash}` },
      examples: { path: `cells/${square.key}.examples.safetensors` },
      'the index': { path: 'run.json' },
      'the checkpoint of a training': { path: training, bytes: store.saved.get(training), without: [`models/${model.key}/record.json`] },
      'the checkpoint of an attack': { path: attack, bytes: store.saved.get(attack), without: [record(square.key)] },
    },
  };
  return () => rmSync(dir, { recursive: true, force: true });
}, 200_000);

const flipped = (at: (length: number) => number) => (file: string, bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  const bit = Math.floor(at(8 * bytes.length));
  changed[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  writeFileSync(file, changed);
};

const DAMAGES: Record<string, (file: string, bytes: Buffer) => void> = {
  gone: (file) => rmSync(file),
  empty: (file) => writeFileSync(file, ''),
  'cut in the middle': (file, bytes) => writeFileSync(file, bytes.subarray(0, bytes.length >> 1)),
  'cut by three bytes': (file, bytes) => writeFileSync(file, bytes.subarray(0, -3)),
  'three bytes longer': (file, bytes) => writeFileSync(file, Buffer.concat([bytes, Buffer.from('}}}')])),
  'all zeros': (file, bytes) => writeFileSync(file, Buffer.alloc(bytes.length)),
  'other bytes': (file, bytes) =>
    writeFileSync(
      file,
      bytes.map((_, i) => (i * 131 + 7) & 255),
    ),
  'one bit changed near its start': flipped(() => 8 * 20 + 1),
  'one bit changed in its last third': flipped((bits) => bits * 0.7),
  'a folder': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'a link to itself': (file) => {
    rmSync(file);
    symlinkSync(file, file);
  },
};

const KINDS = [
  'the record of a model',
  'the record of a clean cell',
  'the record of an attack',
  'weights',
  'examples',
  'the index',
  'the checkpoint of a training',
  'the checkpoint of an attack',
];
const ALL = KINDS.flatMap((kind) => Object.keys(DAMAGES).map((damage) => [kind, damage] as const));
/** Every fourth, and another one of each kind, unless all are asked for. */
const TRIED = process.env.RAMPART_FULL ? ALL : ALL.filter((_, i) => i % 4 === 1);

test('there are 88 of them', () => expect(ALL.length).toBe(88));

test.each(TRIED)('%s, %s', { timeout: 60_000 }, async (kind, damage) => {
  const dir = freshFolder();
  cpSync(base.dir, dir, { recursive: true });
  const { path, bytes, without = [] } = base.files[kind] as Finished['files'][string];
  for (const other of without) rmSync(join(dir, other));
  const file = join(dir, path);
  if (bytes) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  DAMAGES[damage]?.(file, readFileSync(file));

  const notes: string[] = [];
  const store = new FolderStore(dir, { mend: true, onDamage: ({ what }) => notes.push(what) });
  const { run, performed } = await inProcess(store);
  const { records, failed } = await run();
  expect(failed).toEqual([]);
  expect(await contents(records, store)).toEqual(base.wanted);
  expect(await contents(await new FolderStore(dir).records(), store)).toEqual(
    expect.arrayContaining((await contents(records, store)) as unknown[]),
  );
  if (damage !== 'gone') expect(notes).toEqual([file]);
  // nothing but its own job: the index is none
  expect(performed.length).toBe(kind === 'the index' ? 0 : 1);
});
