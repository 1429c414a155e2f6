/** When a run makes its site again, and when it leaves it alone. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { keepSite } from '../../cli/site.ts';
import { FolderStore } from '../../records/folder-store.ts';
import type { RampartRecord } from '../../records/record.ts';
import { freshFolder } from '../harness/folders.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

const records = syntheticRecords({ models: 2, n: 20, attacks: ['fgsm'] });

/** The site of a run in a fresh folder, and whether keeping it wrote its pages: a page that is written is another file. */
async function siteOf() {
  const dir = freshFolder();
  const page = join(dir, 'site/index.html');
  const keep = (title = 'A title', of: readonly RampartRecord[] = records) => keepSite(of, new FolderStore(dir), dir, { title });
  expect(await keep()).toBe(page);
  const file = () => statSync(page, { throwIfNoEntry: false })?.ino;
  const writes = async (...args: Parameters<typeof keep>) => {
    const before = file();
    await keep(...args);
    return file() !== before;
  };
  return { dir, page, writes };
}

test('nothing is written where nothing changed, and the manifest holds', async () => {
  const { dir, writes } = await siteOf();
  expect(await writes()).toBe(false);
  const { status, stderr } = spawnSync('sha256sum', ['--check', '--strict', 'MANIFEST'], { cwd: join(dir, 'site'), encoding: 'utf8' });
  expect(status, stderr).toBe(0);
});

test('another title or a changed record makes another site', async () => {
  const { page, writes } = await siteOf();
  expect(await writes('Another title')).toBe(true);
  expect(readFileSync(page, 'utf8')).toMatch('Another title');
  expect(await writes('A title', records.slice(0, -1))).toBe(true);
  expect(await writes('A title', records.slice(0, -1))).toBe(false);
});

test('a page that was changed, even back to its old time, is written again', async () => {
  const { dir, page, writes } = await siteOf();
  const methods = join(dir, 'site/methods.html');
  const text = readFileSync(methods, 'utf8');
  const { atime, mtime } = statSync(methods);
  writeFileSync(methods, text.replace('e', 'x'));
  utimesSync(methods, atime, mtime);
  expect(await writes()).toBe(true);
  expect(readFileSync(methods, 'utf8')).toBe(text);
  expect(readFileSync(page, 'utf8')).toMatch('A title');
});

test.each(['methods.html', 'leaderboard.csv', 'MANIFEST'])('a site that lacks %s is written again', async (file) => {
  const { dir, writes } = await siteOf();
  const path = join(dir, 'site', file);
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  expect(await writes()).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a site of templates that were touched since is written again', async () => {
  const { writes } = await siteOf();
  const template = fileURLToPath(new URL('../../templates/layout.hbs', import.meta.url));
  const { atime, mtime } = statSync(template);
  utimesSync(template, atime, mtime); // changes the time of its last change, as any write does
  expect(await writes()).toBe(true);
});

test('a site that another run wrote meanwhile is not taken for one of these records', async () => {
  const { dir, writes } = await siteOf();
  const other = records.slice(0, -1);
  const store = new FolderStore(dir);
  await Promise.all([keepSite(records, store, dir, { title: 'One' }), keepSite(other, store, dir, { title: 'Two' })]);
  await writes('One');
  expect(readFileSync(join(dir, 'site/index.html'), 'utf8')).toMatch('One');
});
