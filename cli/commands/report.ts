/** `rampart report`: the site again from the records of an output folder, or of a folder of records. */
import { resolve } from 'node:path';
import { readRun } from '../../records/run-index.ts';
import { command } from '../called.ts';
import { type RawOptions, UsageError } from '../options.ts';
import { print, shownPath } from '../output.ts';
import { siteOf } from '../site.ts';

export async function reportCommand(dir: string | undefined, options: RawOptions): Promise<number> {
  const from = resolve(dir ?? 'runs/quick');
  if ((await readRun(from)).length === 0)
    throw new UsageError(`[report] ${from} holds no records`, { remedy: `make some with ${command('run')}` });
  const page = await siteOf(from, options.out === undefined ? undefined : resolve(String(options.out)));
  print(shownPath(page));
  return 0;
}
