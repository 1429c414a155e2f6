import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { StoreError } from '../../records/store.ts';
import { freshFolder, mountProblem, smallDisk } from '../harness/folders.ts';

const problem = mountProblem();

test.skipIf(problem)(`a full disk says so, names file and bytes, and keeps what was there${problem ? ` (${problem})` : ''}`, async () => {
  const disk = smallDisk(64);
  const checkpoint = new FolderStore(disk).checkpoint('cell', 'abc');
  const file = join(disk, 'cells', 'abc.checkpoint.bin');
  await checkpoint.save(new Uint8Array(8_000));
  const write = checkpoint.save(new Uint8Array(200_000));
  await expect(write).rejects.toThrow(
    `[store] cannot write ${file} (200032 bytes): no space left on the disk (ENOSPC); free some space and run again; what is finished is kept`,
  );
  await expect(write).rejects.toBeInstanceOf(StoreError);
  expect(statSync(file).size).toBe(8_032);
  expect(readdirSync(join(disk, 'cells'))).toEqual(['abc.checkpoint.bin']);
});

test.skipIf(problem)(`a read-only output folder is refused before anything runs${problem ? ` (${problem})` : ''}`, async () => {
  const disk = smallDisk(64, true);
  await expect(new FolderStore(disk).prepare()).rejects.toThrow(
    `[store] cannot write to the output folder ${disk}: the folder is on a read-only file system (EROFS); choose a folder that can be written with --out DIR`,
  );
});

test('an output folder that is a file is refused', async () => {
  const file = join(freshFolder(), 'out');
  writeFileSync(file, '');
  await expect(new FolderStore(join(file, 'runs')).prepare()).rejects.toThrow(
    /cannot write to the output folder .*: a part of the path is a file/,
  );
});
