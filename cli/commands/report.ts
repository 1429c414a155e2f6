/** `rampart report`: the site again from the records of an output folder, or of a folder of records. */
import { join, resolve } from 'node:path';
import { command } from '../called.ts';
import { pricesOf, type RawOptions, UsageError } from '../options.ts';
import { print, shownPath } from '../output.ts';
import { shownIn, writeSiteOf } from '../site.ts';

/** Resolves with 1 where something could not be taken: the site shows the rest. */
export async function reportCommand(dir: string | undefined, options: RawOptions): Promise<number> {
  const prices = pricesOf(options);
  const from = resolve(dir ?? 'runs/quick');
  const { records, store, title, description, found, weights, leftOut } = await shownIn(from);
  if (records.length === 0) throw new UsageError(`[report] ${from} holds no records`, { remedy: `make some with ${command('run')}` });
  const to = options.out === undefined ? join(from, 'site') : resolve(String(options.out));
  await writeSiteOf(records, store, to, { title, description, found, weights, prices });
  print(shownPath(join(to, 'index.html')));
  return leftOut() > 0 ? 1 : 0;
}
