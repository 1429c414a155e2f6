import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Store, StoreError } from '../../records/folder-store.ts';
import { freshFolder, mountProblem, smallDisk } from '../harness/folders.ts';

const problem = mountProblem();

test.skipIf(problem)(`a full disk says so, names file and bytes, and keeps what was there${problem ? ` (${problem})` : ''}`, async () => {
  const disk = smallDisk(64);
  const checkpoint = new Store(disk).checkpoint('cell', 'abc');
  const file = join(disk, 'cells', 'abc.checkpoint.bin');
  await checkpoint.save(new Uint8Array(8_000));
  const write = checkpoint.save(new Uint8Array(200_000));
  await expect(write).rejects.toThrow(
    `[store] cannot write ${file} (200000 bytes): no space left on the disk (ENOSPC); free some space and run again; what is finished is kept`,
  );
  await expect(write).rejects.toBeInstanceOf(StoreError);
  expect(statSync(file).size).toBe(8_000);
  expect(readdirSync(join(disk, 'cells'))).toEqual(['abc.checkpoint.bin']);
});

test.skipIf(problem)(`a read-only output folder is refused before anything runs${problem ? ` (${problem})` : ''}`, async () => {
  const disk = smallDisk(64, true);
  await expect(new Store(disk).prepare()).rejects.toThrow(
    `[store] cannot write to the output folder ${disk}: the folder is on a read-only file system (EROFS); choose a folder that can be written with --out DIR`,
  );
});

test('an output folder that is a file is refused', async () => {
  const file = join(freshFolder(), 'out');
  writeFileSync(file, '');
  await expect(new Store(join(file, 'runs')).prepare()).rejects.toThrow(
    /cannot write to the output folder .*: a part of the path is a file/,
  );
});

test('weights that are missing are named with the way out', async () => {
  const store = new Store(freshFolder());
  await expect(store.weights('abc')).rejects.toThrow(/models\/abc\/weights\.safetensors is missing; delete its folder and run again/);
});
