import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attacked, countOf, indicesIn, placesIn, reachOf, readIndices, selectionOf } from '../../../harness/suite/selection.ts';
import { freshFolder } from '../folders.ts';
import { refusal, suiteWith } from '../suites.ts';

/** A file with that text, and a suite beside it. */
function listed(text: string): { path: string; suite: string } {
  const folder = freshFolder();
  writeFileSync(join(folder, 'list.txt'), text);
  return { path: join(folder, 'list.txt'), suite: join(folder, 'suite.yml') };
}

test('neighbours are a range however they are named, others are their indices in order', () => {
  expect(selectionOf([7, 5, 6])).toEqual({ from: 5, count: 3 });
  expect(selectionOf([9, 2, 4])).toEqual({ indices: [2, 4, 9] });
  expect(indicesIn({ from: 5, count: 3 })).toEqual([5, 6, 7]);
  expect([countOf(selectionOf([9, 2, 4])), reachOf(selectionOf([9, 2, 4])), reachOf({ from: 5, count: 3 })]).toEqual([3, 10, 8]);
});

test('places are those of the images in what was loaded', () => {
  expect(placesIn({ from: 2000, count: 256 }, { from: 2010, count: 2 })).toEqual([10, 11]);
  expect(placesIn({ indices: [3, 5, 8] }, { indices: [3, 8] })).toEqual([0, 2]);
  expect(placesIn({ from: 10, count: 5 }, { from: 9, count: 2 })).toEqual([undefined, 0]);
});

test('a number of an attack counts among the test images of the suite, a range and a file by the index in the data set', () => {
  const test = { from: 2000, count: 256 };
  expect(attacked(test, undefined)).toEqual(test);
  expect(attacked(test, 30)).toEqual({ from: 2000, count: 30 });
  expect(attacked({ indices: [3, 5, 8] }, 2)).toEqual({ indices: [3, 5] });
  expect(attacked(test, { from: 2255, count: 1 })).toEqual({ from: 2255, count: 1 });
  expect(() => attacked(test, 257)).toThrow('expected at most 256, the number of test images, got 257');
  expect(() => attacked(test, { from: 2255, count: 2 })).toThrow(
    "expected images of the suite's test selection (2000..2255), got image 2256",
  );
});

test.each(['[3, 1, 2]', '3\n1\n2\n', ' 3 \r\n1\r\n2'])('a file is a JSON array or lines: %j', (text) => {
  expect(readIndices(listed(text).path)).toEqual({ from: 1, count: 3 });
});

test.each([
  ['[1, 2, 1]', 'entry 3: index 1 is there twice'],
  ['1\n1', 'entry 2: index 1 is there twice'],
  ['[1, -2]', 'entry 2 is no index, expected a whole number from 0'],
  ['[1, 2.5]', 'entry 2 is no index'],
  ['[1, "2"]', 'entry 2 is no index'],
  ['[1, [2]]', 'entry 2 is no index'],
  ['[1, 1e300]', 'entry 2 is no index'],
  ['[10000000]', 'entry 1 is no index'],
  ['1\nroot:x:0\n', 'entry 2 is no index, expected a whole number from 0: '],
  ['1\n\n2', 'entry 2 is no index'],
  ['[1, 2', 'not a whole JSON array'],
  ['', 'expected at least one index, got none'],
  ['[]', 'expected at least one index, got none'],
])('a file %j is refused', (text, message) => {
  expect(() => readIndices(listed(text).path)).toThrow(message);
});

test('a folder, a device and a file that is not there are no files of indices', () => {
  const folder = freshFolder();
  mkdirSync(join(folder, 'in'));
  symlinkSync('/dev/zero', join(folder, 'link'));
  expect(() => readIndices(join(folder, 'in'))).toThrow('expected a file, got a folder');
  expect(() => readIndices(join(folder, 'link'))).toThrow('expected a file, got a pipe or a device');
  expect(() => readIndices(join(folder, 'none'))).toThrow('cannot be read: ENOENT');
});

test('a suite selects by number, range and file, for both splits and for an attack', async () => {
  const { suite: file } = listed('[1990, 1980]');
  const { suite } = await suiteWith(
    {
      datasets: 'datasets: [{ name: shapes, train: { from: 100, count: 300 }, test: { from: 1900, count: 100 } }]',
      attacks: 'attacks: [{ name: fgsm, n: 7 }, { name: pgd, n: { from: 1950, count: 3 } }, { name: noise, n: { indices: list.txt } }]',
    },
    file,
  );
  expect(suite.datasets[0]?.select).toEqual({ train: { from: 100, count: 300 }, test: { from: 1900, count: 100 } });
  expect(suite.attacks.map((a) => a.n)).toEqual([7, { from: 1950, count: 3 }, { indices: [1980, 1990] }]);
});

test('selections are told apart in the labels of one attack', async () => {
  const { suite } = await suiteWith({ attacks: 'attacks: [{ name: fgsm, n: 7 }, { name: fgsm, n: { from: 5, count: 3 } }]' });
  expect(suite.attacks.map((a) => a.label)).toEqual(['fgsm n=7', 'fgsm n=5..7']);
});

test.each([
  [{ datasets: 'datasets: [{ name: shapes, test: 2001 }]' }, 'small.yml:3: datasets[0].test: expected images of 0..1999, got 0..2000'],
  [
    { datasets: 'datasets: [{ name: cifar10, train: { from: 49000, count: 1001 } }]' },
    'small.yml:3: datasets[0].train: expected images of 0..49999, got 49000..50000',
  ],
  [
    { attacks: 'attacks: [{ name: fgsm, n: 41 }]' },
    'small.yml:8: attacks[0].n: on data set shapes: expected at most 40, the number of test images, got 41',
  ],
  [
    { attacks: 'attacks: [{ name: fgsm, n: { from: 39, count: 2 } }]' },
    "attacks[0].n: on data set shapes: expected images of the suite's test selection (0..39), got image 40",
  ],
  [{ datasets: 'datasets: [{ name: shapes, test: { indices: none.txt } }]' }, 'small.yml:3: datasets[0].test.indices: [indices] '],
  [{ datasets: 'datasets: [{ name: shapes, test: { from: 3 } }]' }, 'datasets[0].test.count: is missing, expected a number'],
  [{ datasets: 'datasets: [{ name: shapes, test: 0 }]' }, 'datasets[0].test: expected at least 1, got 0'],
])('%o is refused by validate', async (changes, message) => {
  expect(await refusal(changes)).toContain(message);
});
