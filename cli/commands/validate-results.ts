/** `rampart validate-results`: whether a folder of records may be published; what does not fit, with the reason. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { validateResults } from '../../records/check-folder.ts';
import { type RawOptions, UsageError } from '../options.ts';
import { print, printError, printJson, shownPath } from '../output.ts';

/** Resolves with 0 where everything fits, 1 where something was refused. */
export async function validateResultsCommand(dir: string | undefined, options: RawOptions): Promise<number> {
  const from = resolve(dir ?? 'results');
  if (!(await stat(from).catch(() => undefined))?.isDirectory())
    throw new UsageError(`[validate-results] ${from} is not a folder`, { remedy: 'name the folder of records' });
  const { models, cells, refused } = await validateResults(from);
  if (options.json) printJson({ models, cells, refused });
  else {
    for (const { file, reason } of refused) printError(`${shownPath(join(from, file))}: ${reason}`);
    print(`${models} models and ${cells} cells fit${refused.length > 0 ? `, ${refused.length} files are refused` : ''}`);
  }
  return refused.length > 0 ? 1 : 0;
}
