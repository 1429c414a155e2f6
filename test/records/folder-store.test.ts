import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { processName } from '../../lock.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { comparable, type Damage } from '../../records/store.ts';
import { broken, contract, someExamples, someRecords } from '../contract/store.ts';
import { freshFolder } from '../harness/folders.ts';

/** How a lock calls this machine. */
const here = processName().split(' ')[0];

describe('a folder', () => {
  let dir: string;
  contract(
    () => {
      dir = freshFolder();
    },
    () => new FolderStore(dir),
  );
});

test('records of two runs are compared without times, memory and provenance', async () => {
  const { model } = await someRecords();
  const later = { ...model, cost: { ...model.cost, wallMs: 5, peakMemoryMb: 9 }, provenance: { ...model.provenance, revision: 'other' } };
  expect(comparable(later)).toEqual(comparable(model));
  expect(comparable({ ...model, bestEpoch: 3 })).not.toEqual(comparable(model));
});

/** A folder with one of each kind of file, and what is read from each. */
async function furnished() {
  const dir = freshFolder();
  const store = new FolderStore(dir);
  const { model, cell: plain } = await someRecords();
  const cell = broken(plain);
  const examples = await store.writeExamples(cell.key, someExamples());
  const hash = await store.putArtifact(new Uint8Array(5000).fill(7));
  await store.writeRecord(model);
  await store.writeRecord({ ...cell, examples });
  const labels = await store.putLabels({ labels: [3, 1, 2], indices: [7, 5, 6] });
  await store.checkpoint('cell', cell.key).save(new Uint8Array(3000).fill(9));
  await store.writeIndex({ suite: { name: 's', title: 'S', description: '', file: 's.yml' }, records: [] });
  const reads: Record<string, (store: FolderStore) => Promise<unknown>> = {
    [`models/${model.key}/record.json`]: (s) => s.record('model', model.key),
    [`cells/${cell.key}.json`]: (s) => s.record('cell', cell.key),
    [`cells/${cell.key}.examples.safetensors`]: (s) => s.examples({ ...cell, examples }),
    [`cells/${cell.key}.checkpoint.bin`]: (s) => s.checkpoint('cell', cell.key).load((state) => state),
    [`artifacts/${hash}`]: (s) => s.artifact(hash),
    [`labels/${labels}.json`]: async (s) => ((await s.hasLabels(labels)) ? true : undefined),
    'run.json': (s) => s.index(),
  };
  return { dir, reads };
}

/** Each turns a file into something else. */
const DAMAGES: Record<string, (file: string, bytes: Buffer) => void> = {
  truncated: (file, bytes) => writeFileSync(file, bytes.subarray(0, bytes.length >> 1)),
  empty: (file) => writeFileSync(file, ''),
  garbage: (file, bytes) =>
    writeFileSync(
      file,
      bytes.map((_, i) => (i * 131) & 255),
    ),
  'one byte longer': (file, bytes) => writeFileSync(file, Buffer.concat([bytes, Buffer.of(65)])),
  'a folder': (file) => {
    rmSync(file);
    mkdirSync(join(file, 'inner'), { recursive: true });
  },
  'a link': (file, bytes) => {
    writeFileSync(`${file}.elsewhere`, bytes);
    rmSync(file);
    symlinkSync(`${file}.elsewhere`, file);
  },
  'a pipe': (file) => {
    rmSync(file);
    execFileSync('mkfifo', [file]);
  },
};

test.each(Object.keys(DAMAGES))(
  '%s: every kind of file is noticed, named and put aside once, and reads as if it were not there',
  async (what) => {
    const { dir, reads } = await furnished();
    for (const [path, read] of Object.entries(reads)) {
      const file = join(dir, path);
      expect(await read(new FolderStore(dir)), path).toBeDefined();
      DAMAGES[what]?.(file, readFileSync(file));
      await expect(read(new FolderStore(dir)), path).rejects.toThrow(`[store] ${file}: `);
      const told: Damage[] = [];
      const store = new FolderStore(dir, { mend: true, onDamage: (damage) => told.push(damage) });
      expect(await read(store), path).toBeUndefined();
      expect(await read(store), path).toBeUndefined();
      expect(told.map((damage) => damage.what)).toEqual([file]);
      expect(readdirSync(join(dir, 'damaged'))).toContain(path.replaceAll('/', '-'));
    }
  },
);

test('any single bit that flips in a record, weights, examples or a checkpoint is noticed', { timeout: 60_000 }, async () => {
  const { dir, reads } = await furnished();
  for (const [path, read] of Object.entries(reads)) {
    const file = join(dir, path);
    const bytes = readFileSync(file);
    const whole = JSON.stringify(await read(new FolderStore(dir)));
    for (let i = 0; i < 150; i++) {
      const at = (i * 7919 + 13) % (8 * bytes.length);
      const changed = Buffer.from(bytes);
      changed[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7));
      writeFileSync(file, changed);
      let told = 0;
      const got = await read(new FolderStore(dir, { onDamage: () => told++ }));
      // between the parts of JSON, a bit may turn one blank into another
      if (told === 0) expect(JSON.stringify(got), `bit ${at} of ${path}`).toBe(whole);
      else expect(got).toBeUndefined();
      if (!path.endsWith('.json')) expect(told, `bit ${at} of ${path}`).toBe(1);
    }
    writeFileSync(file, bytes);
  }
});

test('one damaged record costs no other, and a reader that only looks leaves it where it is', async () => {
  const { dir, reads } = await furnished();
  const [model, cell] = Object.keys(reads) as [string, string];
  writeFileSync(join(dir, model), '{');
  const told: Damage[] = [];
  const records = await new FolderStore(dir, { onDamage: (damage) => told.push(damage) }).records();
  expect(records.map((r) => r.kind)).toEqual(['cell']);
  expect(told).toEqual([{ what: join(dir, model), reason: expect.stringMatching(/^not JSON/) }]);
  expect(readFileSync(join(dir, model), 'utf8')).toBe('{');
  expect(readdirSync(dir)).not.toContain('damaged');
  expect(cell).toMatch(/^cells/);
});

test('a record under the name of another is not taken', async () => {
  const { dir, reads } = await furnished();
  const path = Object.keys(reads)[1] as string;
  const other = join(dir, 'cells', `${'0'.repeat(24)}.json`);
  writeFileSync(other, readFileSync(join(dir, path)));
  await expect(new FolderStore(dir).records()).rejects.toThrow(`[store] ${other}: holds the record `);
});

test('folders in the place of files and files in the place of folders are put aside by what is written there', async () => {
  const { cell, model } = await someRecords();
  for (const inTheWay of ['cells', `cells/${cell.key}.json/x`, `models/${model.key}`, `claims/cell-${cell.key}.lock/x`, 'artifacts']) {
    const dir = freshFolder();
    mkdirSync(join(dir, dirname(inTheWay)), { recursive: true });
    writeFileSync(join(dir, inTheWay), 'in the way');
    const told: Damage[] = [];
    const store = new FolderStore(dir, { mend: true, onDamage: (damage) => told.push(damage) });
    await store.prepare();
    const claim = await store.claim('cell', cell.key);
    await store.writeRecord(cell);
    await store.writeRecord(model);
    await store.putArtifact(Uint8Array.of(1));
    await claim?.release();
    expect(await store.records()).toEqual([model, cell]);
    expect(told.map((damage) => damage.what)).toEqual([join(dir, inTheWay.replace('/x', ''))]);
  }
});

test('what killed runs left half done is taken away when a run prepares', async () => {
  const dir = freshFolder();
  const gone = `01234567~999999999~1~${here}.tmp`;
  const left = [`cells/a.json.${gone}`, `models/b/record.json.${gone}`, `artifacts/c.${gone}`, `labels/d.json.${gone}`, `run.json.${gone}`];
  for (const path of [...left, 'claims/cell-a.lock']) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), `${here} 999999999 1 abc`);
  }
  await new FolderStore(dir).prepare();
  expect((readdirSync(dir, { recursive: true }) as string[]).sort()).toEqual([
    'artifacts',
    'cells',
    'claims',
    'labels',
    'models',
    'models/b',
  ]);
});

test('who works at a job finds nothing that a killed one left half written of it', async () => {
  const dir = freshFolder();
  const gone = `01234567~999999999~1~${here}.tmp`;
  for (const path of [`cells/a.checkpoint.bin.${gone}`, `models/b/checkpoint.bin.${gone}`, `artifacts/c.${gone}`]) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), '');
  }
  const below = () => (readdirSync(dir, { recursive: true }) as string[]).filter((path) => path.endsWith('.tmp')).sort();
  await (await new FolderStore(dir).work('cell', 'a'))?.release();
  expect(below()).toEqual([`models/b/checkpoint.bin.${gone}`]);
  await (await new FolderStore(dir).work('model', 'b'))?.release();
  expect(below()).toEqual([]);
});
