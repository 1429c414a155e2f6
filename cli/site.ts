/** The site of an output folder, from its records. */
import { join } from 'node:path';
import { FolderStore } from '../records/folder-store.ts';
import type { RampartRecord } from '../records/record.ts';
import { recordsOfRun, showable } from '../records/run-index.ts';
import type { Store } from '../records/store.ts';
import { type SiteOptions, writeSite } from '../reports/site.ts';
import { printError, shownPath } from './output.ts';

/** What a folder has to show, and how many of its files cannot be taken; each of these is named as it is found. */
export interface Shown {
  readonly title: string | undefined;
  readonly records: readonly RampartRecord[];
  readonly store: Store;
  leftOut(): number;
}

/** The records of the run that ended last in `dir`, or of everything there; changes nothing. */
export async function shownIn(dir: string): Promise<Shown> {
  let count = 0;
  const leaveOut = (what: string, reason: string) => {
    count++;
    printError(`${shownPath(what)} is left out: ${reason}`);
  };
  const store = new FolderStore(dir, { onDamage: ({ what, reason }) => leaveOut(what, reason) });
  const index = await store.index();
  const { shown, orphans } = showable(recordsOfRun(await store.records(), index));
  for (const { kind, key } of orphans) leaveOut(`${kind} ${key}`, 'the record of its model is not there');
  return { title: index?.suite.title, records: shown, store, leftOut: () => count };
}

/** Writes the site to `to`; resolves with the path of its first page. */
export async function writeSiteOf(records: readonly RampartRecord[], store: Store, to: string, options: SiteOptions): Promise<string> {
  await writeSite(records, to, { examples: (cell) => store.examples(cell), ...options });
  return join(to, 'index.html');
}
