/** The site of an output folder, from its records. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../records/atomic.ts';
import type { TakenCounterexamples } from '../records/evidence/counterexample.ts';
import { FolderStore } from '../records/folder-store.ts';
import type { RampartRecord } from '../records/record.ts';
import { recordsOfRun, showable } from '../records/run-index.ts';
import type { Store } from '../records/store.ts';
import { MANIFEST } from '../reports/formats/manifest.ts';
import type { SiteOptions } from '../reports/site.ts';
import { sourcesOf, stampOf } from '../reports/stamp.ts';
import { counterexamplesOf } from './counterexamples.ts';
import { evidenceOf } from './evidence.ts';
import { printError, shownPath } from './output.ts';

/** What a folder has to show, and how many of its files cannot be taken; each of these is named as it is found. */
export interface Shown {
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly records: readonly RampartRecord[];
  readonly store: Store;
  /** What others found against the records. */
  readonly found: readonly TakenCounterexamples[];
  /** Whether the weights of its models are published: of a folder that several people add to, those that lie there. */
  readonly weights: boolean;
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
  const { title, description } = index?.suite ?? {};
  const found = await counterexamplesOf(shown, store, (file, reason) => leaveOut(join(dir, file), reason));
  return { title, description, records: shown, store, found, weights: index === undefined || index.weights === true, leftOut: () => count };
}

/** What a site is made of beside the records and their store; `weights` are published where wanted. */
type Material = SiteOptions & { readonly weights?: boolean };

/** Writes the site to `to`; resolves with its manifest. */
export async function writeSiteOf(records: readonly RampartRecord[], store: Store, to: string, options: Material): Promise<string> {
  // not loaded where a site is left as it is
  const { writeSite } = await import('../reports/site.ts');
  const evidence = evidenceOf(records, store, options.weights ?? false);
  return writeSite(records, to, { examples: (cell) => store.examples(cell), evidence, ...options });
}

/**
 * Writes the site of a run to the folder `site` in `dir`, or leaves it as it is: where it is whole, nobody touched it, and the same would be
 * written again. The records' examples must be those that they name. Resolves with the path of the first page.
 */
export async function keepSite(
  records: readonly RampartRecord[],
  store: Store,
  dir: string,
  options: Material & { title: string },
): Promise<string> {
  const site = join(dir, 'site');
  const stampFile = join(dir, 'site.stamp');
  const page = join(site, 'index.html');
  const sources = (await haveUnnamedExamples(records, store)) ? undefined : sourcesOf(records, options);
  const stamp = await readFile(stampFile, 'utf8').catch(() => undefined);
  if (sources !== undefined && stamp !== undefined && stamp === stampOf(sources, site)) return page;
  const manifest = await writeSiteOf(records, store, site, options);
  // of this site alone, not of one that another run has written meanwhile
  const own = sources !== undefined && (await readFile(join(site, MANIFEST), 'utf8')) === manifest;
  const now = own ? stampOf(sources, site) : undefined;
  if (now !== undefined) await writeAtomic(stampFile, now, { durable: false });
  return page;
}

/** Whether examples are there that no record names by their hash, as early versions kept them: they may change, and no record tells. */
async function haveUnnamedExamples(records: readonly RampartRecord[], store: Store): Promise<boolean> {
  for (const record of records) if (record.kind === 'cell' && record.examples === undefined && (await store.examples(record))) return true;
  return false;
}
