/** Damaged files in the folder of a run: each is noticed, and the next run ends with the records of one that was never disturbed. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../models/safetensors.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { sha256 } from '../../../records/hash.ts';
import type { Checkpoint, Damage, Kind } from '../../../records/store.ts';
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
      labels: { path: `labels/${readdirSync(join(dir, 'labels'))[0]}` },
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
  'labels',
  'examples',
  'the index',
  'the checkpoint of a training',
  'the checkpoint of an attack',
];
const ALL = KINDS.flatMap((kind) => Object.keys(DAMAGES).map((damage) => [kind, damage] as const));
/** Every fourth, and another one of each kind, unless all are asked for. */
const TRIED = process.env.RAMPART_FULL ? ALL : ALL.filter((_, i) => i % 4 === 1);

test('there are 99 of them', () => expect(ALL.length).toBe(99));

/** Runs the suite in a copy of the finished folder, with one of its files changed; the records must be those of the run that was not disturbed. */
async function runAfter(kind: string, change: (file: string, bytes: Buffer) => void) {
  const dir = freshFolder();
  cpSync(base.dir, dir, { recursive: true });
  const { path, bytes, without = [] } = base.files[kind] as Finished['files'][string];
  for (const other of without) rmSync(join(dir, other));
  const file = join(dir, path);
  if (bytes) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  change(file, readFileSync(file));

  const notes: Damage[] = [];
  const store = new FolderStore(dir, { mend: true, onDamage: (damage) => notes.push(damage) });
  const { run, performed } = await inProcess(store);
  const { records, failed } = await run();
  expect(failed).toEqual([]);
  expect(await contents(records, store)).toEqual(base.wanted);
  expect(await contents(await new FolderStore(dir).records(), store)).toEqual(
    expect.arrayContaining((await contents(records, store)) as unknown[]),
  );
  return { file, notes, performed };
}

test.each(TRIED)('%s, %s', { timeout: 60_000 }, async (kind, damage) => {
  const { file, notes, performed } = await runAfter(kind, DAMAGES[damage] as (typeof DAMAGES)[string]);
  if (damage !== 'gone') expect(notes.map(({ what }) => what)).toEqual([file]);
  // nothing but its own job: the index is none, and labels are written again from the data set
  expect(performed.length).toBe(kind === 'the index' || kind === 'labels' ? 0 : 1);
});

type Json = Record<string, unknown>;

/** The state of an attack with its JSON changed. */
function attackState(state: Buffer, change: (saved: Json) => Json): Buffer {
  const end = 4 + state.readUInt32LE(0);
  const json = Buffer.from(JSON.stringify(change(JSON.parse(state.subarray(4, end).toString()) as Json)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, state.subarray(end)]);
}

/** The state of a training with its facts and its format changed. */
function trainingState(state: Buffer, change: (saved: Json) => Json): Buffer {
  const { entries, metadata } = readSafetensors(state, 'state');
  const { format, ...facts } = change({ format: metadata.format, ...(JSON.parse(metadata.facts as string) as Json) });
  return Buffer.from(writeSafetensors(entries, { ...(format !== undefined && { format: String(format) }), facts: JSON.stringify(facts) }));
}

const without =
  (...keys: string[]) =>
  (saved: Json): Json =>
    Object.fromEntries(Object.entries(saved).filter(([key]) => !keys.includes(key)));
const membersOf = (saved: Json) => saved.members as Json[];

test.each<[string, string, typeof attackState, (saved: Json) => Json, string]>([
  ['an attack', 'from before formats had a number', attackState, without('format'), 'expected format 3, got none'],
  ['an attack', 'of a later format', attackState, (s) => ({ ...s, format: 4 }), 'expected format 3, got 4'],
  [
    'an attack',
    'without overhead',
    attackState,
    (s) => ({ ...s, members: membersOf(s).map(without('overhead')) }),
    'members.0.overhead: Invalid input',
  ],
  [
    'an attack',
    'of other members',
    attackState,
    (s) => ({ ...s, members: membersOf(s).map((m) => ({ ...m, attack: 'pgd' })) }),
    'expected the members square in this order, got pgd',
  ],
  ['a training', 'from before formats had a number', trainingState, without('format'), 'expected format 2, got none'],
  ['a training', 'of a later format', trainingState, (s) => ({ ...s, format: 3 }), 'expected format 2, got 3'],
  ['a training', 'without its counts', trainingState, without('passes', 'averageUpdates'), 'passes: Invalid input'],
  ['a training', 'with a count that is not known', trainingState, (s) => ({ ...s, replayed: 1 }), 'Unrecognized key: "replayed"'],
])(
  'the whole checkpoint of %s, %s, is put aside and its job begins anew',
  { timeout: 60_000 },
  async (of, _what, changed, change, reason) => {
    const { file, notes, performed } = await runAfter(`the checkpoint of ${of}`, (path, bytes) => {
      const state = changed(bytes.subarray(32), change);
      writeFileSync(path, Buffer.concat([Buffer.from(sha256(state), 'hex'), state]));
    });
    expect(notes).toEqual([{ what: file, reason: expect.stringContaining(reason) }]);
    expect(notes[0]?.reason).toContain('; put aside as ');
    expect(performed.length).toBe(1);
  },
);

test('a checkpoint that nothing was changed in is gone on from', { timeout: 60_000 }, async () => {
  for (const of of ['an attack', 'a training']) {
    const changed = of === 'an attack' ? attackState : trainingState;
    const { notes } = await runAfter(`the checkpoint of ${of}`, (path, bytes) => {
      const state = changed(bytes.subarray(32), (saved) => saved);
      writeFileSync(path, Buffer.concat([Buffer.from(sha256(state), 'hex'), state]));
    });
    expect(notes).toEqual([]);
  }
});
