/** Which plug-ins may be executed while a suite is only looked at: those of the user's own project, or all of them when told so. */
import { existsSync, realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, parse, sep } from 'node:path';
import type { MayLoad, Registry } from '../harness/suite/registry.ts';
import { print, printJson, shownPath } from './output.ts';

/**
 * The nearest folder at or above `cwd` that holds a package.json, by its real path; `cwd` itself where there is none.
 * Undefined where that is the root, the user's home or the folder of temporary files: what lies in those is not all the user's own.
 */
export function projectOf(cwd: string): string | undefined {
  const here = realpathSync(cwd);
  const tooWide = [parse(here).root, homedir(), tmpdir()].map((folder) => (existsSync(folder) ? realpathSync(folder) : folder));
  for (let folder = here; !tooWide.includes(folder); folder = dirname(folder)) if (existsSync(join(folder, 'package.json'))) return folder;
  return tooWide.includes(here) ? undefined : here;
}

/** Whether the file that a path leads to, through whatever links, lies in the project around `cwd`. A file that is not there executes nothing. */
export function isOwn(path: string, cwd = '.'): boolean {
  if (!existsSync(path)) return true;
  const project = projectOf(cwd);
  return project !== undefined && realpathSync(path).startsWith(project + sep);
}

/** What `validate` and `plan` load. */
export function mayLoad(options: { trust?: boolean }): MayLoad {
  return options.trust ? () => true : (path) => isOwn(path);
}

/** Says which plug-ins were not executed, and what that left unchecked. Exit code 1: nothing is wrong, and not everything is known to be right. */
export function tellUnloaded(suiteFile: string, { unloaded, unknown }: Registry, json?: boolean): number {
  if (json) {
    printJson({ valid: null, notLoaded: unloaded, notChecked: unknown });
    return 1;
  }
  print(`${shownPath(suiteFile)} would execute plug-ins from outside of this project; they were not loaded:`);
  for (const path of unloaded) print(`  ${path}`);
  print(unknown.length > 0 ? `not checked: ${unknown.join(', ')}` : 'not checked: what they bring; nothing in the suite names it');
  print('nothing is wrong in the rest; read the files, then give --trust to load them');
  return 1;
}
