import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { freshFolder } from '../harness/folders.ts';

test('all who ask at once are told the same, also later', async () => {
  const folder = join(freshFolder(), 'new', 'out');
  const ids = await Promise.all(Array.from({ length: 20 }, () => new FolderStore(folder).id()));
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toMatch(/^[0-9a-f]{24}$/);
  expect(readFileSync(join(folder, 'id'), 'utf8')).toBe(ids[0]);
  expect(await new FolderStore(join(freshFolder(), 'other')).id()).not.toBe(ids[0]);
});

test('a file that holds something else is named', async () => {
  const folder = freshFolder();
  writeFileSync(join(folder, 'id'), 'mine');
  await expect(new FolderStore(folder).id()).rejects.toThrow(`${join(folder, 'id')}: it does not hold the 24 hex digits`);
});
