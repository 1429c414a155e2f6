/** A run of a suite that publishes: what its cells leave, cut into shards or not. */
import { beforeAll, expect, test } from 'vitest';
import { wasm } from '../../../engines/wasm/index.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { parseOriginals, parsePoints } from '../../../records/published/images.ts';
import type { CellRecord } from '../../../records/record.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from '../run/in-process.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

async function cellsOf(changes: Record<string, string>) {
  const store = new FolderStore(freshFolder());
  const { records, failed } = await (await inProcess(store, { ...TINY, ...changes })).run();
  expect(failed).toEqual([]);
  const cells = records.filter((r): r is CellRecord => r.kind === 'cell');
  return { store, cells };
}

const PUBLISH = { publish: 'publish: { adversarial: 8 }' };

test('the broken ones of the first images of every attack are there, with their originals once', async () => {
  const { store, cells } = await cellsOf(PUBLISH);
  const attacked = cells.filter(({ attack }) => attack.access !== 'none');
  expect(new Set(attacked.map(({ published }) => published?.originals)).size).toBe(1);
  for (const cell of attacked) {
    const { images, originals, points } = cell.published as NonNullable<CellRecord['published']>;
    expect(images).toBe(8);
    const whole = parseOriginals((await store.images(originals)) as Uint8Array);
    expect(whole.indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const ids = parsePoints((await store.images(points)) as Uint8Array, cell).flatMap((block) => block.ids);
    const { robust, distances } = cell.outcomes;
    const broken = [...robust].flatMap((r, id) => (r === '0' && (distances[id] as number) > 0 ? [id] : []));
    expect(broken.length).toBeGreaterThan(ids.length - 1);
    expect(ids.sort((a, b) => a - b)).toEqual(broken.filter((id) => id < 8));
    // what the gallery shows is what it was
    expect((await store.examples(cell))?.ids).toEqual(broken.slice(0, 2));
  }
  expect(cells.some(({ published }) => published === undefined)).toBe(true);
});

test('cut into shards they are the same bytes', async () => {
  const whole = await cellsOf(PUBLISH);
  const cut = await cellsOf({ ...PUBLISH, engine: 'engine: { name: wasm, batchSize: 4, workers: 1, shard: 5 }' });
  expect(cut.cells.filter(({ shards }) => shards).length).toBeGreaterThan(0);
  expect(cut.cells.map(({ published }) => published)).toEqual(whole.cells.map(({ published }) => published));
});

test('nothing is published where it is not asked for', async () => {
  const { cells } = await cellsOf({});
  expect(cells.map(({ published }) => published)).toEqual(cells.map(() => undefined));
});
