/** A run that is killed at any write to its folder, and the run after it. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
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

/** Makes the claims in a folder those of a process that is gone. */
function bury(dir: string): void {
  const claims = join(dir, 'claims');
  for (const name of existsSync(claims) ? readdirSync(claims) : []) writeFileSync(join(claims, name), `${hostname()} 999999999 1 ${name}`);
}

const whole = mkdtempSync(join(tmpdir(), 'rampart-'));
afterAll(() => rmSync(whole, { recursive: true, force: true }));
const undisturbed = new MortalStore(whole);
const { records } = await (await inProcess(undisturbed, SUITE)).run();
const { writes } = undisturbed;
const kindOf = (k: number) => `${writes[k]}${/^record/.test(writes[k - 1] ?? '') ? ' after a record' : ''}`;
/** All, or the last of each kind. */
const points = writes
  .map((_, k) => [kindOf(k), k] as const)
  .filter(([kind, k]) => process.env.RAMPART_FULL || !writes.some((_, later) => later > k && kindOf(later) === kind));

test('a run writes what a killed one may leave half done: checkpoints of a training and of each member of an ensemble', () => {
  expect(new Set(writes)).toEqual(
    new Set([
      'artifact',
      'examples',
      ...['model', 'cell'].flatMap((kind) => [`checkpoint of a ${kind}`, `record of a ${kind}`, `end of the checkpoint of a ${kind}`]),
      'index',
    ]),
  );
  const attack = records.find((r) => r.kind === 'cell' && r.members);
  expect(attack?.kind === 'cell' && attack.members?.map((m) => m.entered > 0)).toEqual([true, true]);
});

test.each(points)('killed before %s (write %i), it ends in the next run with the same records and nothing beside them', async (_, k) => {
  const dir = freshFolder();
  await expect((await inProcess(new MortalStore(dir, k), SUITE)).run()).rejects.toThrow(Killed);
  bury(dir);
  const store = new FolderStore(dir);
  const next = await (await inProcess(store, SUITE)).run();
  expect(await contents(next.records, store)).toEqual(await contents(records, undisturbed));
  const left = (readdirSync(dir, { recursive: true }) as string[]).filter((file) => /checkpoint|\.tmp$|^damaged|^claims\/./.test(file));
  expect(left).toEqual([]);
});
