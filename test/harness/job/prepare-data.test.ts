/** What a run knows of its data sets from an earlier one: that nothing has to be loaded, and when it has to be. */
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cifarPlugin } from '../../../datasets/cifar.ts';
import type { DatasetPlugin } from '../../../datasets/dataset.ts';
import { mnist } from '../../../datasets/mnist.ts';
import { shapes } from '../../../datasets/shapes.ts';
import { type PlannedData, prepareData } from '../../../harness/job/prepare-data.ts';
import type { Suite, SuiteDataset } from '../../../harness/suite/suite.ts';
import { mnistFiles, smallCifar, temporaryFolder, writeCifar, writeFiles } from '../../datasets/files.ts';
import { suiteWith } from '../suites.ts';

/** Prepares `plugin` for a suite with two attacks, of all test images and of two, and counts how often it is loaded. */
async function prepared(plugin: DatasetPlugin, select: SuiteDataset['select'] = {}) {
  const { suite, registry } = await suiteWith({ attacks: 'attacks: [fgsm, { name: pgd, n: 2 }]' });
  let loads = 0;
  const counted: DatasetPlugin = {
    ...plugin,
    load: (params, options) => {
      loads++;
      return plugin.load(params, options);
    },
  };
  registry.datasets.set(plugin.name, counted);
  const ref = { name: plugin.name, version: plugin.version, params: plugin.params.parse({}) as Record<string, unknown> };
  const prepare = async (dataDir: string, earlier: readonly PlannedData[] = [], changes: Partial<Suite> = {}) => {
    const options = { dataDir, download: false, signal: new AbortController().signal };
    const known = earlier.flatMap((d) => d.known ?? []);
    return prepareData({ ...suite, datasets: [{ label: 'd', ref, select }], ...changes }, registry, options, known);
  };
  return { prepare, suite, loads: () => loads };
}

/** As of a data set that was not loaded: its labels are in the store. */
const remembered = (data: readonly PlannedData[]) => data.map((d) => ({ ...d, labels: undefined }));

const FORMAT = smallCifar(3, 4);

function cifarFolder(): string {
  const folder = temporaryFolder();
  writeCifar(FORMAT, join(folder, FORMAT.folder));
  return folder;
}

test('images that follow from parameters are drawn once, and what a plan needs of them is the same', async () => {
  const { prepare, loads } = await prepared(shapes, { train: { from: 0, count: 8 }, test: { from: 1, count: 5 } });
  const first = await prepare('');
  expect(await prepare('', first)).toEqual(remembered(first));
  expect(first[0]?.labels).toEqual([
    { labels: [1, 2, 3, 4, 5], indices: [1, 2, 3, 4, 5] },
    { labels: [1, 2], indices: [1, 2] },
  ]);
  expect(first[0]?.attacked.map(({ selection }) => selection)).toEqual([
    { from: 1, count: 5 },
    { from: 1, count: 2 },
  ]);
  expect(loads()).toBe(1);
});

test('another choice of images is another question', async () => {
  const { prepare, suite, loads } = await prepared(shapes, { train: { from: 0, count: 8 }, test: { from: 0, count: 5 } });
  const first = await prepare('');
  await prepare('', first, { attacks: suite.attacks.slice(1) });
  expect(loads()).toBe(2);
});

test('files are read once while they stay as they are', async () => {
  const folder = cifarFolder();
  const { prepare, loads } = await prepared(cifarPlugin(FORMAT));
  const first = await prepare(folder);
  expect(await prepare(folder, first)).toEqual(remembered(first));
  expect(loads()).toBe(1);
});

test.each([
  ['with a new time', false],
  ['with its old time', true],
])('one byte changed, the size kept, %s: the files are read again, and the key is another', async (_case, sameTime) => {
  const folder = cifarFolder();
  const path = join(folder, FORMAT.folder, FORMAT.train[4] as string);
  const { prepare, loads } = await prepared(cifarPlugin(FORMAT));
  const first = await prepare(folder);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  const { atime, mtime } = statSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, sameTime ? mtime : new Date(mtime.getTime() + 1000));
  const again = await prepare(folder, first);
  expect(loads()).toBe(2);
  expect(again[0]?.ref.hash).not.toBe(first[0]?.ref.hash);
  expect(again[0]?.ref.test).toEqual(first[0]?.ref.test);
});

test('the same files in another folder are read, and have the same key', async () => {
  const { prepare, loads } = await prepared(cifarPlugin(FORMAT));
  const first = await prepare(cifarFolder());
  const other = await prepare(cifarFolder(), first);
  expect(loads()).toBe(2);
  expect(other[0]?.ref).toEqual(first[0]?.ref);
});

test('a file that is gone is missed', async () => {
  const folder = cifarFolder();
  const { prepare } = await prepared(cifarPlugin(FORMAT));
  const first = await prepare(folder);
  rmSync(join(folder, FORMAT.folder, FORMAT.test[0] as string));
  await expect(prepare(folder, first)).rejects.toThrow(/lacks test_batch\.bin/);
});

test('mnist says which files it reads', async () => {
  const folder = temporaryFolder();
  expect(await mnist.files?.({}, { dataDir: folder, download: false })).toBeUndefined();
  writeFiles(join(folder, 'mnist'), mnistFiles());
  expect(await mnist.files?.({}, { dataDir: folder, download: false })).toEqual(
    Object.keys(mnistFiles()).map((name) => join(folder, 'mnist', name)),
  );
});

test('a plug-in that does not say what it reads is loaded every time', async () => {
  const { prepare, loads } = await prepared({ ...shapes, files: undefined } as DatasetPlugin, {
    train: { from: 0, count: 8 },
    test: { from: 0, count: 5 },
  });
  const first = await prepare('');
  expect(first[0]?.known).toBeUndefined();
  await prepare('', first);
  expect(loads()).toBe(2);
});

test('where labels change places, images of a curve that an earlier run has noted are those of the attack that has the label now', async () => {
  const options = { dataDir: '', download: false, signal: new AbortController().signal };
  const suiteOf = (first: string, second: string) =>
    suiteWith({
      datasets: 'datasets: [{ name: shapes, train: 300, test: 40 }]',
      attacks: `attacks: [{ name: ${first}, n: 2 }, { name: ${second}, n: 3 }]`,
      curve: 'curve: { points: 2, attacks: [fgsm] }',
    });
  const [before, now] = [await suiteOf('fgsm', 'pgd'), await suiteOf('pgd', 'fgsm')];
  const known = (await prepareData(before.suite, before.registry, options)).flatMap((d) => d.known ?? []);
  expect(known.length).toBe(1);
  const fresh = await prepareData(now.suite, now.registry, options);
  const again = await prepareData(now.suite, now.registry, options, known);
  expect(again.map((d) => d.attacked)).toEqual(fresh.map((d) => d.attacked));
  expect(fresh[0]?.attacked.map(({ selection }) => selection)).toEqual([2, 3, 3].map((count) => ({ from: 0, count })));
});
