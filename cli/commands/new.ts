/** `rampart new`: a plug-in to start from, with its test and its row in the table. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RampartError } from '../../errors.ts';
import { UsageError } from '../options.ts';
import { print } from '../output.ts';
import { architectureFiles, attackFiles, datasetFiles, defenseFiles } from '../scaffold.ts';

const FAMILIES = {
  attack: { folder: 'attacks', list: 'attacks: readonly AttackPlugin[]', files: attackFiles },
  defense: { folder: 'defenses', list: 'defenses: readonly DefensePlugin[]', files: defenseFiles },
  dataset: { folder: 'datasets', list: 'datasets: readonly DatasetPlugin[]', files: datasetFiles },
  architecture: { folder: 'models', list: 'architectures: readonly ArchitecturePlugin[]', files: architectureFiles },
} as const;

/** What editors complete suites from. */
const SCHEMA = 'suites/schema.json';

/** Writes into the clone at `root`, the current folder unless given. */
export function newCommand(family: string, name: string, root = process.cwd()): number {
  if (!(family in FAMILIES)) throw new UsageError(`[new] expected ${Object.keys(FAMILIES).join(', ')}, got "${family}"`);
  const { folder, list, files } = FAMILIES[family as keyof typeof FAMILIES];
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new UsageError(`[new] expected a name of lower-case letters, digits and single dashes, got "${name}"`);
  const tableFile = join(root, folder, 'index.ts');
  if (!existsSync(tableFile))
    throw new UsageError(`[new] ${root} is no clone of Rampart: it has no ${folder}/index.ts`, {
      remedy: 'run it in one; outside, a plug-in is any file that a suite lists under plugins',
    });
  const texts = files(name);
  const written = { [`${folder}/${name}.ts`]: texts.plugin, [`test/${folder}/${name}.test.ts`]: texts.test };
  for (const file of Object.keys(written))
    if (existsSync(join(root, file))) throw new UsageError(`[new] ${file} is there already`, { remedy: 'choose another name' });
  const table = withRow(readFileSync(tableFile, 'utf8'), name, list);
  if (table === undefined) throw new UsageError(`[new] ${tableFile} has no line "export const ${list} = ["`);
  for (const [file, text] of Object.entries(written)) writeFileSync(join(root, file), text);
  writeFileSync(tableFile, table);
  writeSchema(root);
  for (const file of [...Object.keys(written), `${folder}/index.ts`, SCHEMA]) print(file);
  print(`test it: npx vitest run test/${folder}/${name}.test.ts`);
  return 0;
}

/** The schema of suites again, as the sources of the clone now give it: this process has the plug-ins of before. */
function writeSchema(root: string): void {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [tsx, 'cli/main.ts', 'validate', '--schema'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new RampartError(`[new] the plug-in is written, ${SCHEMA} is not: ${error?.message ?? stderr.trim()}`, {
      remedy: 'npm run schema',
    });
  writeFileSync(join(root, SCHEMA), stdout);
}

/** `my-attack` as `myAttack`. */
export function identifier(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The table with an import in the order of names and the plug-in at the end of its list; undefined where there is no such list. */
export function withRow(table: string, name: string, list: string): string | undefined {
  const row = new RegExp(`(export const ${list.replace(/[[\]]/g, '\\$&')} = \\[)([\\s\\S]*?)(,?\\s*)\\];`);
  if (!row.test(table)) return undefined;
  const line = `import ${identifier(name)} from './${name}.ts';`;
  const lines = table.split('\n');
  const path = (text: string) => text.match(/from '(.*)';/)?.[1] ?? '';
  const imports = lines.flatMap((text, i) => (text.startsWith('import ') && path(text).startsWith('./') ? [i] : []));
  const before = imports.find((i) => path(lines[i] as string) > `./${name}.ts`) ?? (imports.at(-1) ?? 0) + 1;
  lines.splice(before, 0, line);
  return lines.join('\n').replace(row, (_, head: string, body: string, tail: string) => {
    const separator = body.trim() === '' ? '' : body.includes('\n') ? ',\n  ' : ', ';
    return `${head}${body}${separator}${identifier(name)}${tail.includes('\n') ? ',\n' : ''}];`;
  });
}
