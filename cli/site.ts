/** The site of an output folder, from its records. */
import { join } from 'node:path';
import { readIndex, readRun } from '../records/run-index.ts';
import { writeSite } from '../reports/site.ts';
import { printError, shownPath } from './output.ts';

/** Writes the site of `dir` to `to`, `dir/site` unless given; resolves with the path of its first page. What it is made without is named. */
export async function siteOf(dir: string, to = join(dir, 'site')): Promise<string> {
  const index = await readIndex(dir);
  const onLeftOut = (file: string, reason: string) => printError(`${shownPath(join(dir, file))} is left out: ${reason}`);
  await writeSite(await readRun(dir), to, { title: index?.suite.title, artifacts: dir, onLeftOut });
  return join(to, 'index.html');
}
