/** What every data set must do, whichever plug-in it is. */
import { expect, test } from 'vitest';
import type { Dataset, DatasetPlugin, LoadOptions } from '../../datasets/dataset.ts';
import { hashSplits } from '../../datasets/split.ts';
import { checkedDataset } from '../../harness/job/check-data.ts';

/** Tests of `plugin` with some parameters on the files in `dataDir`, which must hold at least two test images. */
export function testDataset(plugin: DatasetPlugin, params: object = {}, dataDir = ''): void {
  const load = async (limit: LoadOptions['limit'] = { train: 5, test: 4 }): Promise<Dataset> => {
    const options = { dataDir, download: false, limit };
    return checkedDataset(plugin, await plugin.load(plugin.params.parse(params), options));
  };
  const hashOf = async ({ shape, train, test: held }: Dataset) => (await hashSplits(shape, train, held)).both;

  test(`${plugin.name}: what it loads is what it says, and the same every time`, async () => {
    const [once, again] = [await load(), await load()];
    expect(once.name).toBe(plugin.name);
    expect(await hashOf(again)).toBe(await hashOf(once));
  });

  test(`${plugin.name}: a limit takes images from the start, and none where it is 0`, async () => {
    const [more, few] = [await load(), await load({ train: 0, test: 2 })];
    expect([few.train.n, few.test.n]).toEqual([0, 2]);
    expect(more.train.n).toBeLessThanOrEqual(5);
    expect(more.test.n).toBeLessThanOrEqual(4);
    expect([...few.test.labels]).toEqual([...more.test.labels.subarray(0, 2)]);
    expect(await few.test.read([0, 1])).toEqual(await more.test.read([0, 1]));
  });

  test(`${plugin.name}: an image is the same in whatever piece it is read, and the reader's own`, async () => {
    const { test: split } = await load();
    const [first, second] = [await split.read([0]), await split.read([1])];
    const both = await split.read(Int32Array.of(1, 0));
    expect([...both]).toEqual([...second, ...first]);
    both.fill(0);
    expect(await split.read([0])).toEqual(first);
    expect(await split.read([])).toHaveLength(0);
  });

  test(`${plugin.name}: the files that it reads are there`, async () => {
    const files = await plugin.files?.(plugin.params.parse(params), { dataDir, download: false });
    if (plugin.files) expect(files).toBeDefined();
  });
}
