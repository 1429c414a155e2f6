/** The site of an output folder, from its records. */
import { join } from 'node:path';
import { readIndex, readRun } from '../records/run-index.ts';
import { writeSite } from '../reports/site.ts';

/** Writes the site of `dir` to `to`, `dir/site` unless given; resolves with the path of its first page. */
export async function siteOf(dir: string, to = join(dir, 'site')): Promise<string> {
  const index = await readIndex(dir);
  await writeSite(await readRun(dir), to, { title: index?.suite.title, artifacts: dir });
  return join(to, 'index.html');
}
