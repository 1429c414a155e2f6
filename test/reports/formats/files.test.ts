import { readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processName } from '../../../lock.ts';
import { Files } from '../../../reports/formats/files.ts';
import { freshFolder } from '../../harness/folders.ts';

const [MACHINE] = processName().split(' ');

const PAGES = Array.from({ length: 30 }, (_, i) => `models/${i}.html`);

/** A site whose every file says which edition it is, at length. */
function edition(number: number): Files {
  const files = new Files();
  for (const path of ['index.html', 'assets/site.css', ...PAGES]) files.add(path, `${number} `.repeat(20_000));
  return files;
}

/** The edition of a file; an error where it is not whole. */
async function editionOf(file: string): Promise<number> {
  const text = await readFile(file, 'utf8');
  const number = Number(text.split(' ')[0]);
  if (text !== `${number} `.repeat(20_000)) throw new Error(`${file} is not whole: ${text.length} characters`);
  return number;
}

test('whoever reads while a site is written finds every page whole, and behind the first page the pages of its edition', async () => {
  const out = freshFolder();
  await edition(1).write(out);
  let written = false;
  const writing = (async () => {
    for (let number = 2; number <= 12; number++) await edition(number).write(out);
    written = true;
  })();
  let reads = 0;
  for (; !written; reads++) {
    const first = await editionOf(join(out, 'index.html'));
    expect(await editionOf(join(out, PAGES[reads % PAGES.length] as string))).toBeGreaterThanOrEqual(first);
    expect(await editionOf(join(out, 'assets/site.css'))).toBeGreaterThanOrEqual(first);
  }
  await writing;
  expect(reads).toBeGreaterThan(10);
});

test('what a killed report left half written is taken away', async () => {
  const out = freshFolder();
  await edition(1).write(out);
  writeFileSync(join(out, 'models', `0.html.01234567~999999999~1~${MACHINE}.tmp`), 'half');
  await edition(2).write(out);
  expect(readdirSync(join(out, 'models')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
