/** `rampart validate-results`: whether a folder of records may be published; what does not fit, with the reason. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Refusal, validateResults } from '../../records/check-folder.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { PATHS } from '../../records/paths.ts';
import { counterexamplesOf } from '../counterexamples.ts';
import { type RawOptions, UsageError } from '../options.ts';
import { print, printError, printJson, shownPath } from '../output.ts';

/** Resolves with 0 where everything fits, 1 where something was refused. */
export async function validateResultsCommand(dir: string | undefined, options: RawOptions): Promise<number> {
  const from = resolve(dir ?? 'results');
  if (!(await stat(from).catch(() => undefined))?.isDirectory())
    throw new UsageError(`[validate-results] ${from} is not a folder`, { remedy: 'name the folder of records' });
  const { models, cells, refused: unfit } = await validateResults(from);
  const refused: Refusal[] = [...unfit];
  const counterexamples = (await replayed(from, (file, reason) => refused.push({ file, reason }))).length;
  if (options.json) printJson({ models, cells, counterexamples, refused });
  else {
    for (const { file, reason } of refused) printError(`${shownPath(join(from, file))}: ${reason}`);
    const found = counterexamples > 0 ? `, ${counterexamples} files of counterexamples hold` : '';
    print(`${models} models and ${cells} cells fit${found}${refused.length > 0 ? `, ${refused.length} files are refused` : ''}`);
  }
  return refused.length > 0 ? 1 : 0;
}

/** Counterexamples that hold against the records that can be read; what of these cannot is refused already. Published points are measured too. */
async function replayed(dir: string, refuse: (file: string, reason: string) => void) {
  const store = new FolderStore(dir, { onDamage: () => undefined });
  const records = await store.records();
  if (records.some((record) => record.kind === 'cell' && record.published)) {
    const { checkPublished } = await import('../../harness/counterexamples/published.ts');
    await checkPublished(records, store, (hash, reason) => refuse(PATHS.images(hash), reason));
  }
  return counterexamplesOf(records, store, refuse);
}
