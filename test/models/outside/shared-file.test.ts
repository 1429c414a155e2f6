import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SharedFile } from '../../../models/outside/shared-file.ts';
import { freshFolder, mountProblem, smallDisk } from '../../harness/folders.ts';

const problem = mountProblem();

test('what is written is read, also when its name is gone', () => {
  const place = freshFolder();
  const file = new SharedFile(3 << 20, [place]);
  expect(readFileSync(file.path).length).toBe(3 << 20);
  file.unlink();
  expect(readdirSync(place)).toEqual([]);
  file.write(Uint8Array.of(1, 2, 3), 2_000_000);
  const got = new Uint8Array(4);
  file.read(got, 1_999_999);
  expect([...got]).toEqual([0, 1, 2, 3]);
  file.close();
});

test('a place that is not there is passed over; where no other is left, it says why', () => {
  const [gone, place] = [join(freshFolder(), 'gone'), freshFolder()];
  const file = new SharedFile(10, [gone, place]);
  expect(file.path.startsWith(place)).toBe(true);
  file.close();
  expect(() => new SharedFile(10, [gone])).toThrow(/^no place for 10 bytes that two processes see: .*gone: ENOENT/);
});

test.skipIf(problem)(`a full one too, and nothing stays there${problem ? ` (${problem})` : ''}`, () => {
  const [full, place] = [smallDisk(64), freshFolder()];
  const file = new SharedFile(1_000_000, [full, place]);
  expect(file.path.startsWith(place)).toBe(true);
  file.close();
  expect(readdirSync(full)).toEqual([]);
});
