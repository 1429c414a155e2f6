/** A suite on top of another, `extends: base.yml`: what both say, as if it stood in one file. */
import { realpathSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { RampartError } from '../../../errors.ts';
import { problemOf, refuse, type Source } from './problems.ts';
import { parseSuiteYaml, readSuiteText } from './yaml.ts';

/** Longest chain of files. */
const MOST_FILES = 8;

type Keys = Record<string, unknown>;

const isKeys = (value: unknown): value is Keys => value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * The suite `text` of `file` with what it extends below it: keys are merged one by one, at any depth; everything else, lists too, replaces
 * what the base has, as do keys of another `kind`; and `null` takes it away. Paths stay those of the file that says them.
 */
export function readExtended(text: string, file: string): { source: Source; data: unknown } {
  return extended(text, file, [identityOf(file)]);
}

function extended(text: string, file: string, chain: readonly string[]): { source: Source; data: unknown } {
  const { source, data } = parseSuiteYaml(text, file);
  if (!isKeys(data) || typeof data.extends !== 'string') return { source, data };
  const { extends: named, ...own } = data;
  const at = (message: string) => refuse(source, [{ path: ['extends'], message }]);
  if (own.name === undefined)
    refuse(source, [{ path: ['name'], message: 'is missing; a suite that extends another has a name of its own' }]);
  const base = resolve(dirname(resolve(file)), named as string);
  const identity = identityOf(base);
  const seen = chain.indexOf(identity);
  if (seen >= 0)
    at(`expected no circle, got ${[...chain.slice(seen), identity].map((each) => relative(dirname(identity), each)).join(' extends ')}`);
  if (chain.length >= MOST_FILES) at(`expected at most ${MOST_FILES} files that extend each other`);
  let below = '';
  refuse(
    source,
    problemOf(['extends'], '', () => {
      below = readSuiteText(base);
    }),
  );
  const found = extended(below, relative(process.cwd(), base) || base, [...chain, identity]);
  if (!isKeys(found.data)) throw new RampartError(`[suite] ${found.source.file}: expected keys with values`);
  return { source: { ...source, base: found.source }, data: merged(moved(found.data, dirname(base), dirname(resolve(file))), own) };
}

/** Of a file that may not be there. */
function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

function merged(base: unknown, own: unknown): unknown {
  if (!isKeys(base) || !isKeys(own) || (own.kind !== undefined && own.kind !== base.kind)) return own;
  const all: Keys = { ...base };
  for (const [key, value] of Object.entries(own)) {
    if (value === null) delete all[key];
    else all[key] = merged(base[key], value);
  }
  return all;
}

/** Keys of entries that name files beside the suite. */
const FILES: readonly (readonly [list: string, ...keys: string[]])[] = [
  ['threats', 'frost'],
  ['datasets', 'train', 'indices'],
  ['datasets', 'test', 'indices'],
  ['attacks', 'n', 'indices'],
  ['models', 'weights'],
  ['models', 'torchscript'],
  ['models', 'python'],
  ['models', 'answers'],
  ['models', 'expect', 'logits'],
];

/** Absolute paths of the suites that the suite `file` is made of, itself first, and of what they name beside plug-ins. */
export function filesOfSuite(file: string): { readonly suites: readonly string[]; readonly named: readonly string[] } {
  const { source, data } = readExtended(readSuiteText(file), file);
  const suites: string[] = [];
  for (let each: Source | undefined = source; each; each = each.base) suites.push(resolve(each.file));
  const keys = isKeys(data) ? data : {};
  const at = (value: unknown, path: readonly string[]) => path.reduce((inner, key) => (isKeys(inner) ? inner[key] : undefined), value);
  const paths = FILES.flatMap(([list, ...path]) => [keys[list]].flat().map((entry) => at(entry, path)));
  const folder = dirname(resolve(file));
  return { suites, named: paths.filter((path) => typeof path === 'string').map((path) => resolve(folder, path)) };
}

/** The suite `data` of folder `from` with its paths as `to` sees them. */
function moved(data: Keys, from: string, to: string): Keys {
  if (from === to) return data;
  const path = (value: unknown) => (typeof value === 'string' ? relative(to, resolve(from, value)) : value);
  const within = (value: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) return path(value);
    return isKeys(value) && Object.hasOwn(value, key) ? { ...value, [key]: within(value[key], rest) } : value;
  };
  const all: Keys = { ...data };
  if (Array.isArray(data.plugins)) all.plugins = data.plugins.map(path);
  for (const [list, ...keys] of FILES) {
    const entries = all[list];
    if (Array.isArray(entries)) all[list] = entries.map((entry) => within(entry, keys));
  }
  return all;
}
