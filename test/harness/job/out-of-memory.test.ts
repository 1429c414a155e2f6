import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord } from '../../../records/record.ts';
import { tf } from '../../../tensor/tf.ts';
import { freshFolder } from '../folders.ts';
import { contents, inProcess, TINY } from '../run/in-process.ts';

/** What the plug-in `hungry` shares with these tests: it notes the images of every batch, and fails at one of more than `most` from its second on. */
const shared = globalThis as { hungry?: { most: number; batches: number[][]; tf: typeof tf } };
afterEach(() => {
  shared.hungry = undefined;
});

const HUNGRY = `
export default { name: 'hungry', title: 'Hungry', paper: '', version: 1, access: 'scores', norms: ['Linf'],
  params: { parse: () => ({}), safeParse: () => ({ success: true, data: {} }) },
  cost: () => ({ forward: 1, backward: 0 }),
  create: () => ({
    async perturb(batch, target, { eps }, run) {
      const { most, batches, tf } = globalThis.hungry;
      if (batches.length > 0 && batch.ids.length > most) throw new RangeError('Array buffer allocation failed');
      batches.push([...batch.ids]);
      target.logits(batch.x).dispose();
      const up = [...batch.ids].map((id) => run.rng.fork(id).next() < 0.5 ? eps : -eps);
      return tf.tidy(() => batch.x.add(tf.tensor(up, [up.length, 1, 1, 1])).clipByValue(0, 1));
    },
  }),
};`;

async function run(most: number) {
  shared.hungry = { most, batches: [], tf };
  const { batches } = shared.hungry;
  const folder = freshFolder();
  const plugin = join(folder, 'hungry.mjs');
  writeFileSync(plugin, HUNGRY);
  const store = new FolderStore(join(folder, 'out'));
  const changes = {
    ...TINY,
    plugins: `plugins: [${plugin}]`,
    datasets: 'datasets: [{ name: shapes, train: 48, test: 80 }]',
    threats: 'threats: [{ norm: Linf, eps: 8/255 }]',
    attacks: 'attacks: [hungry]',
  };
  const { run, notes, performed } = await inProcess(store, changes);
  const { records, failed } = await run();
  return { records, failed, batches, notes, performed, store };
}

test('a cell that runs out of memory goes on in smaller passes from where it was, to the same record', { timeout: 100_000 }, async () => {
  const whole = await run(4);
  const halved = await run(2);
  expect(halved.failed).toEqual([]);
  expect(whole.batches[0]?.length).toBe(4);
  expect(halved.batches[0]).toEqual(whole.batches[0]);
  expect(halved.batches.slice(1).every((ids) => ids.length <= 2)).toBe(true);
  // no image twice
  expect(halved.batches.flat()).toEqual(whole.batches.flat());
  expect(halved.notes).toEqual(['4 images a pass were too many for the memory: hungry on standard goes on with 2']);
  expect(await contents(halved.records, halved.store)).toEqual(await contents(whole.records, whole.store));
  const sizeOf = ({ records }: typeof whole) =>
    records.find((r): r is CellRecord => r.kind === 'cell' && r.attack.name === 'hungry')?.batchSize;
  expect([sizeOf(whole), sizeOf(halved)]).toEqual([4, 2]);
});

test('the next run in the folder begins with what fitted', { timeout: 100_000 }, async () => {
  const { store } = await run(2);
  expect((await store.index())?.batchSizes).toEqual([{ of: expect.any(String), size: 2 }]);
});

test('one image that does not fit is a failure for want of memory', { timeout: 100_000 }, async () => {
  const { failed, notes } = await run(0);
  expect(failed.map((f) => f.record.error?.kind)).toEqual(['memory']);
  expect(notes.length).toBe(2);
});
