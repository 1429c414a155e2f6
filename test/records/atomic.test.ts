import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processName } from '../../lock.ts';
import { removeUnfinished, writeAtomic } from '../../records/atomic.ts';
import { freshFolder } from '../harness/folders.ts';

test('an atomic write leaves the file and nothing else', async () => {
  const folder = freshFolder();
  await writeAtomic(join(folder, 'a.json'), 'one');
  await writeAtomic(join(folder, 'a.json'), 'two');
  expect(readdirSync(folder)).toEqual(['a.json']);
  expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('two');
});

test('a write that fails leaves nothing', async () => {
  const folder = freshFolder();
  await expect(writeAtomic(folder, 'one')).rejects.toThrow();
  expect(readdirSync(join(folder, '..')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('what killed writers left is taken away, and nothing of one that lives or may live', async () => {
  const folder = freshFolder();
  const [host, pid, began] = processName().split(' ');
  const left = [`a.json.01234567~999999999~1~${host}.tmp`, `a.json.01234567~${pid}~1~${host}.tmp`];
  const kept = [
    `a.json.01234567~${pid}~${began}~${host}.tmp`,
    'a.json.01234567~1~1~elsewhere.tmp',
    'mine.tmp',
    'a.json',
    'a.json.01234567~999999999~1~h',
  ];
  for (const name of [...left, ...kept, 'b.01234567~1~1~elsewhere.tmp']) writeFileSync(join(folder, name), '');
  const twoHoursAgo = Date.now() / 1000 - 7200;
  utimesSync(join(folder, 'b.01234567~1~1~elsewhere.tmp'), twoHoursAgo, twoHoursAgo);
  await removeUnfinished(folder);
  expect(readdirSync(folder).sort()).toEqual([...kept].sort());
  await removeUnfinished(join(folder, 'no such folder'));
});
