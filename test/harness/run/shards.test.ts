/** Cells whose images are shared out: the records are those of cells in one piece. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../../engines/wasm/index.ts';
import type { Job } from '../../../harness/job/job.ts';
import { cut, imagesPerShard } from '../../../harness/run/cuts.ts';
import { JobError } from '../../../harness/run/executor.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { RampartRecord } from '../../../records/record.ts';
import { type Kind, StoreError } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { contents, inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const SUITE = {
  ...TINY,
  datasets: 'datasets: [{ name: shapes, train: 48, test: 13 }]',
  threats: 'threats: [{ norm: Linf, eps: [0.5/255, 1/255] }]',
  defenses: 'defenses: [standard, { name: pgd-at, steps: 1 }, { name: random-resize-pad, around: [standard] }]',
  attacks: `attacks:
  - { name: pgd, steps: 2, restarts: 2 }
  - { name: square, queries: 12 }
  - { name: transfer, sources: [pgd-at], steps: 2, norms: [Linf] }
  - { name: autoattack, n: 3, models: [standard] }`,
};
const inShardsOf = (size: number | string) => ({ ...SUITE, engine: `engine: { name: wasm, batchSize: 4, workers: 1, shard: ${size} }` });

const TIMEOUT = { timeout: 300_000 };

/** What ran ahead and was thrown away depends on what shares a pass, as it does on the batch size. */
function withoutOverhead(record: RampartRecord): RampartRecord {
  if (record.kind === 'model') return record;
  const { overhead: _, ...rest } = record;
  return { ...rest, ...(rest.members && { members: rest.members.map(({ overhead: _, ...member }) => member) }) };
}

const results = (records: readonly RampartRecord[], store: FolderStore) => contents(records.map(withoutOverhead), store);

const shardsIn = (dir: string) => (existsSync(join(dir, 'shards')) ? readdirSync(join(dir, 'shards')) : []);

let expected: unknown;
beforeAll(async () => {
  const store = new FolderStore(mkdtempSync(join(tmpdir(), 'rampart-')));
  const { run } = await inProcess(store, SUITE);
  expected = await results((await run()).records, store);
  rmSync(store.place, { recursive: true });
}, 120_000);

test('shards of any size give the records of cells in one piece, kept examples too, and leave nothing', TIMEOUT, async () => {
  for (const size of [5, 12]) {
    const store = new FolderStore(freshFolder());
    const { run, performed } = await inProcess(store, inShardsOf(size));
    const { records } = await run();
    expect(await results(records, store)).toEqual(expected);
    expect(performed).toContain(`pgd, images 0 to ${size - 1}`);
    expect(performed).not.toContain('clean, images 0 to 4');
    const cells = records.flatMap((r) => (r.kind === 'cell' && r.shards ? [r] : []));
    expect(cells.length).toBeGreaterThan(10);
    expect(new Set(cells.map(({ shards }) => shards?.map(({ count }) => count).join()))).toEqual(new Set([size === 5 ? '5,5,3' : '12,1']));
    for (const { shards = [], wallMs, provenance } of cells) {
      expect(wallMs).toBeGreaterThanOrEqual(shards.reduce((sum, shard) => sum + shard.wallMs, 0));
      for (const shard of shards) expect(shard.provenance.host).toEqual(provenance.host);
    }
    expect(shardsIn(store.place)).toEqual([]);
    // and every record is known to the next run, cut or not
    const again = await inProcess(store, SUITE);
    await again.run();
    expect(again.performed).toEqual([]);
  }
});

/** Ends the run before the job. */
function endingAt(is: (job: Job) => boolean) {
  return (job: Job) => {
    if (is(job)) throw new Error('enough');
  };
}
const ofSquare = (job: Job, from: number) => job.kind === 'shard' && job.attack.label === 'square' && job.range.from === from;

test(
  'a folder is taken up with shards of another size: those that are done stay, and what is between them is cut anew',
  TIMEOUT,
  async () => {
    for (const size of ['off', 2]) {
      const store = new FolderStore(freshFolder());
      const first = await inProcess(
        store,
        inShardsOf(4),
        wasm,
        endingAt((job) => ofSquare(job, 8)),
      );
      await expect(first.run()).rejects.toThrow('enough');
      const done = first.performed.filter((name) => name.startsWith('square, images') && !name.includes(' 8 to'));
      expect(done).toEqual(['square, images 0 to 3', 'square, images 4 to 7']);
      const second = await inProcess(store, inShardsOf(size));
      const { records } = await second.run();
      expect(await results(records, store)).toEqual(expected);
      const [taken] = records.flatMap((r) => (r.kind === 'cell' && r.attack.label === 'square' && r.shards ? [r] : []));
      const counts = size === 2 ? [4, 4, 2, 2, 1] : [4, 4, 5];
      expect(taken?.shards?.map(({ count }) => count)).toEqual(counts);
      expect(second.performed.filter((name) => name === 'square, images 0 to 3').length).toBe(0);
      expect(shardsIn(store.place)).toEqual([]);
    }
  },
);

/** A store whose process is killed when it has saved the state of a third cell: the first two are of three images. */
class Mortal extends FolderStore {
  readonly #begun = new Set<string>();
  override checkpoint(kind: Kind, key: string) {
    const { load, save, drop } = super.checkpoint(kind, key);
    const saved = async (state: Uint8Array) => {
      await save(state);
      if (kind === 'cell' && this.#begun.add(key).size === 3) throw new StoreError('killed');
    };
    return { load, save: saved, drop };
  }
}

test('a cell that was begun in one piece goes on in one', TIMEOUT, async () => {
  const dir = freshFolder();
  await expect((await inProcess(new Mortal(dir), SUITE)).run()).rejects.toThrow('killed');
  const store = new FolderStore(dir);
  const { run } = await inProcess(store, inShardsOf(5));
  const { records } = await run();
  expect(await results(records, store)).toEqual(expected);
  const attacked = records.flatMap((r) => (r.kind === 'cell' && r.attack.label !== 'clean' && r.n > 5 ? [r] : []));
  expect(attacked.filter(({ shards }) => !shards).length).toBe(1);
});

test(
  'a shard that fails stops the others and fails the cell, with the images and the reason; they are done when the run is tried again',
  TIMEOUT,
  async () => {
    const store = new FolderStore(freshFolder());
    const died = (job: Job) => {
      if (ofSquare(job, 4)) throw new JobError({ kind: 'killed', message: '3 workers were lost while they did it' });
    };
    const { run, performed } = await inProcess(store, inShardsOf(4), wasm, died);
    const { failed } = await run();
    expect(failed.map(({ record }) => record.error)).toContainEqual({
      kind: 'killed',
      message: 'images 4 to 7: 3 workers were lost while they did it',
    });
    expect(performed).not.toContain('square, images 8 to 11');
    const again = await inProcess(store, inShardsOf(4));
    const { records } = await again.run();
    expect(await results(records, store)).toEqual(expected);
    expect(again.performed.filter((name) => name === 'square, images 0 to 3').length).toBeLessThan(
      again.performed.filter((name) => name === 'square, images 4 to 7').length,
    );
  },
);

test('images are cut into ranges around those that are there', () => {
  const shown = (...args: Parameters<typeof cut>) => cut(...args).map(({ from, count }) => `${from}+${count}`);
  expect(shown(10, 4)).toEqual(['0+4', '4+4', '8+2']);
  expect(shown(10, 10)).toEqual(['0+10']);
  expect(shown(10, 3, [{ from: 4, count: 2 }])).toEqual(['0+3', '3+1', '4+2', '6+3', '9+1']);
  // the first of two that overlap stays, and what is not of this cell goes
  expect(
    shown(8, 8, [
      { from: 2, count: 4 },
      { from: 0, count: 3 },
      { from: 6, count: 9 },
    ]),
  ).toEqual(['0+2', '2+4', '6+2']);
});

test('what takes over a quarter of an hour is cut into pieces of ten minutes, of images enough to fill a pass', async () => {
  const { plan } = await planFor({ datasets: 'datasets: [{ name: shapes, train: 300, test: 100 }]' });
  const cell = plan.cells.find(({ label }) => label === 'pgd');
  const clean = plan.cells.find(({ label }) => label === 'clean');
  if (!cell || !clean) throw new Error('the plan is too small');
  expect(imagesPerShard(cell, 'auto', 899, 'cpu')).toBeUndefined();
  expect(imagesPerShard(cell, 'auto', 2400, 'cpu')).toBe(25);
  expect(imagesPerShard(cell, 'auto', 1e6, 'cpu')).toBe(16);
  expect(imagesPerShard(cell, 'auto', 1e6, 'cuda:0')).toBeUndefined();
  expect(imagesPerShard({ ...cell, n: 10_000 }, 'auto', 6000, 'cuda:0')).toBe(1000);
  expect(imagesPerShard({ ...cell, n: 1000 }, 'auto', 1e6, 'cuda:0')).toBe(128);
  expect(imagesPerShard(cell, 40, 0, 'cpu')).toBe(40);
  expect(imagesPerShard(cell, 100, 1e6, 'cpu')).toBeUndefined();
  expect(imagesPerShard(cell, 'off', 1e6, 'cpu')).toBeUndefined();
  // neither is the clean accuracy, nor a model that counts what it is asked
  expect(imagesPerShard(clean, 10, 1e6, 'cpu')).toBeUndefined();
  const model = { via: 'http', url: 'http://127.0.0.1/', access: 'scores', format: 'float32', version: '' } as const;
  const origin = {
    by: 'outside',
    source: { model, weights: '', parameters: 0, multiplyAdds: 0, activations: 1 },
    title: '',
    paper: '',
    extraData: false,
  } as const;
  const asked = { ...cell, model: { ...cell.model, job: { ...cell.model.job, origin } } };
  expect(imagesPerShard(asked, 10, 1e6, 'cpu')).toBeUndefined();
});
