/** A run that is killed at any write to its folder, and the run after it. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { processName } from '../../../lock.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { Claim, Kind, Store } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { contents, inProcess, TINY } from './in-process.ts';

const plugin = fileURLToPath(new URL('./pair.ts', import.meta.url));
const SUITE = {
  ...TINY,
  plugins: `plugins: [${plugin}]`,
  datasets: 'datasets: [{ name: shapes, train: 48, test: 40 }]',
  recipe: 'recipe: { epochs: 2, validation: 8, batchSize: 20 }',
  attacks: 'attacks: [pair]',
  threats: 'threats: [{ norm: Linf, eps: 0.5/255 }]',
};

class Killed extends Error {}

/** A store whose process is gone after so many writes: nothing later reaches the folder, and what was claimed stays claimed. */
class MortalStore extends FolderStore {
  /** What was written, in order. */
  readonly writes: string[] = [];
  readonly #most: number;

  constructor(dir: string, most = Number.POSITIVE_INFINITY) {
    super(dir, { mend: true, onDamage: () => undefined });
    this.#most = most;
  }

  async #write<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.writes.length >= this.#most) throw new Killed();
    this.writes.push(what);
    return work();
  }

  #mortal(claim: Claim | undefined): Claim | undefined {
    return claim && { release: async () => void (this.writes.length < this.#most && (await claim.release())) };
  }

  override putArtifact(bytes: Uint8Array) {
    return this.#write('artifact', () => super.putArtifact(bytes));
  }
  override writeExamples(...args: Parameters<Store['writeExamples']>) {
    return this.#write('examples', () => super.writeExamples(...args));
  }
  override writeRecord(record: Parameters<Store['writeRecord']>[0]) {
    return this.#write(`record of a ${record.kind}`, () => super.writeRecord(record));
  }
  override writeIndex(index: Parameters<Store['writeIndex']>[0]) {
    return this.#write('index', () => super.writeIndex(index));
  }
  override removeShards(cell: string) {
    return this.#write('end of shards', () => super.removeShards(cell));
  }
  override checkpoint(kind: Kind, key: string) {
    const { load, save, drop } = super.checkpoint(kind, key);
    return {
      load,
      save: (state: Uint8Array) => this.#write(`checkpoint of a ${kind}`, () => save(state)),
      drop: () => this.#write(`end of the checkpoint of a ${kind}`, drop),
    };
  }
  override async claim(kind: Kind, key: string) {
    return this.#mortal(await super.claim(kind, key));
  }
  override async work(kind: Kind, key: string) {
    return this.#mortal(await super.work(kind, key));
  }
}

/** How a lock calls this machine. */
const here = processName().split(' ')[0];

/** Makes the claims in a folder those of a process that is gone. */
function bury(dir: string): void {
  const claims = join(dir, 'claims');
  for (const name of existsSync(claims) ? readdirSync(claims) : []) writeFileSync(join(claims, name), `${here} 999999999 1 ${name}`);
}

/** A run that nothing disturbs. */
async function undisturbed(changes: Record<string, string>) {
  const store = new MortalStore(mkdtempSync(join(tmpdir(), 'rampart-')));
  const { records } = await (await inProcess(store, changes)).run();
  const made = await contents(records, store);
  rmSync(store.place, { recursive: true, force: true });
  return { records, made, writes: store.writes };
}

const kindOf = (writes: readonly string[], k: number) => `${writes[k]}${/^record/.test(writes[k - 1] ?? '') ? ' after a record' : ''}`;

/** All, or the last of each kind. */
function pointsOf(writes: readonly string[]) {
  const all = writes.map((_, k) => [kindOf(writes, k), k] as const);
  return all.filter(([kind, k]) => process.env.RAMPART_FULL || !all.some(([other, later]) => later > k && other === kind));
}

const CHECKPOINTS = ['model', 'cell'].flatMap((kind) => [`checkpoint of a ${kind}`, `end of the checkpoint of a ${kind}`]);
const RECORDS = ['record of a model', 'record of a cell'];
const inShards = { ...SUITE, engine: 'engine: { name: wasm, batchSize: 4, workers: 1, shard: 16 }' };
const whole = await undisturbed(SUITE);
const cut = await undisturbed(inShards);

describe.each([
  { how: 'in one piece', changes: SUITE, run: whole, kinds: CHECKPOINTS },
  {
    how: 'in shards',
    changes: inShards,
    run: cut,
    kinds: [
      ...CHECKPOINTS.filter((kind) => kind !== 'checkpoint of a cell'),
      'checkpoint of a shard',
      'record of a shard',
      'end of shards',
    ],
  },
])('cells $how', ({ changes, run: { records, made, writes }, kinds }) => {
  test('a run writes what a killed one may leave half done: checkpoints of a training and of each member of an ensemble', () => {
    expect(new Set(writes)).toEqual(new Set(['artifact', 'examples', ...RECORDS, ...kinds, 'index']));
    const attack = records.find((r) => r.kind === 'cell' && r.members);
    expect(attack?.kind === 'cell' && attack.members?.map((m) => m.entered > 0)).toEqual([true, true]);
  });

  test.each(pointsOf(writes))(
    'killed before %s (write %i), it ends in the next run with the same records and nothing beside them',
    async (_, k) => {
      const dir = freshFolder();
      await expect((await inProcess(new MortalStore(dir, k), changes)).run()).rejects.toThrow(Killed);
      bury(dir);
      const store = new FolderStore(dir);
      const next = await (await inProcess(store, changes)).run();
      expect(await contents(next.records, store)).toEqual(made);
      const left = (readdirSync(dir, { recursive: true }) as string[]).filter((file) =>
        /checkpoint|^shards.|\.tmp$|^damaged|^claims\/./.test(file),
      );
      expect(left).toEqual([]);
    },
  );
});
