/** The command line as the user called it, so that what a message tells them to type works where they are. */
import { basename, dirname, relative, sep } from 'node:path';
import { shellWord } from '../errors.ts';

/** `rampart serve DIR` with what `rampart` is here, its words quoted for a shell. */
export function command(...words: readonly string[]): string {
  return [called(process.argv[1] ?? '', process.cwd()), ...words.map(shellWord)].join(' ');
}

/**
 * What stands for `rampart` where `script` was run from the folder `from`. As a dependency of a project it is a link in
 * `node_modules/.bin`; `npx` with `--no` takes that link and never a package of that name from the registry.
 */
export function called(script: string, from: string): string {
  if (dirname(script).endsWith(`node_modules${sep}.bin`)) return 'npx --no rampart';
  if (basename(script) === 'rampart') return 'rampart';
  const near = relative(from, script);
  return `${script.endsWith('.ts') ? 'npx tsx' : 'node'} ${shellWord(near.startsWith(`..${sep}..`) ? script : near)}`;
}
