/** What is wrong in a suite: where (file, line, path), what was expected, what is there, and the nearest right name. */
import type { Document, LineCounter } from 'yaml';
import { isMap, isNode } from 'yaml';
import type { z } from 'zod';
import { nearest, RampartError } from '../../../errors.ts';

export type Path = readonly (string | number)[];

export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** Everything that is wrong with a suite, one line each. */
export class SuiteError extends RampartError {
  /** The same by place; none where the text is no suite at all. */
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[] = []) {
    super(message);
    this.problems = problems;
  }
}

/** What `check` refuses, as a problem of that place. */
export function problemOf(path: Path, prefix: string, check: () => unknown): Problem[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return [{ path, message: `${prefix}${error.message}` }];
  }
}

/** `attacks[1].eps` */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');
}

/** A parsed YAML file that can tell the line of a path. */
export interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** Of the suite that it extends. */
  readonly base?: Source;
}

const says = (source: Source, path: Path): boolean => source.document.hasIn(path) || (source.base !== undefined && says(source.base, path));

/** The file that says what stands at `path`: the first of the chain that has it, keys merged one by one. */
function sayerOf(source: Source, path: Path): Source {
  const { base, document } = source;
  if (!base) return source;
  for (let depth = 1; depth <= path.length; depth++) {
    const part = path.slice(0, depth);
    if (!document.hasIn(part)) return says(base, part) ? sayerOf(base, path) : source;
    if (!isMap(document.getIn(part, true))) return source;
  }
  return source;
}

/** The line of a key or value; of the nearest parent that is there, for what is missing. */
function lineOf({ document, lines }: Source, path: Path): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const parent = depth === 0 ? undefined : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(key)) : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** Throws when there are problems. */
export function refuse(source: Source, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const texts = problems.map(({ path, message }) => {
    const said = sayerOf(source, path);
    return `${said.file}:${lineOf(said, path)}: ${pathText(path) || 'the suite'}: ${message}`;
  });
  throw new SuiteError(`[suite] ${problems.length === 1 ? '' : `${problems.length} problems\n  `}${texts.join('\n  ')}`, problems);
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<string | number, unknown> | undefined | null)?.[part], data);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `unknown key "stpes"; did you mean "steps"? known: steps, stepSize` */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `unknown key "${key}"; ${near ? `did you mean "${near}"? ` : ''}known: ${known.join(', ') || 'none'}`;
}

type Issue = z.core.$ZodIssue;

function expected(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return (
        { int: 'a whole number', number: 'a number', string: 'text', array: 'a list', object: 'keys with values' }[
          issue.expected as string
        ] ?? issue.expected
      );
    case 'invalid_union':
      return issue.message
        .replace(/^Invalid discriminator value. Expected /, 'one of ')
        .replaceAll("'", '"')
        .replaceAll(' | ', ', ');
    case 'invalid_value':
      return issue.values.length === 1 ? shown(issue.values[0]) : `one of ${issue.values.map(shown).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${issue.origin === 'array' ? ' entries' : issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${issue.origin === 'array' ? ' entries' : issue.origin === 'string' ? ' characters' : ''}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    default:
      return issue.message;
  }
}

/** The values that would have been right, where they are few enough to name. */
function choices(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  return issue.code === 'invalid_union' ? [...issue.message.matchAll(/'([^']*)'/g)].map((match) => match[1] as string) : [];
}

/** Problems of a value that did not fit its schema. `keysAt` names the keys that an object may have. */
export function problemsOf(issues: readonly Issue[], data: unknown, base: Path, keysAt: (path: Path) => readonly string[]): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const local = issue.path as (string | number)[];
    const path = [...base, ...local];
    const got = valueAt(data, local);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, keysAt(local)) }));
    if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionProblems(issue.errors, data, base, local, keysAt);
    const near = typeof got === 'string' ? nearest(got, choices(issue)) : undefined;
    if (got === undefined && issue.code !== 'custom') return [{ path, message: `is missing, expected ${expected(issue)}` }];
    return [{ path, message: `expected ${expected(issue)}, got ${shown(got)}${near ? `; did you mean ${JSON.stringify(near)}?` : ''}` }];
  });
}

/** The branch that got furthest says what is wrong; where none did, every branch says what it expected. */
function unionProblems(
  branches: readonly (readonly Issue[])[],
  data: unknown,
  base: Path,
  local: Path,
  keysAt: (path: Path) => readonly string[],
): Problem[] {
  const deeper = branches.find((branch) => branch.length > 0 && branch.every((issue) => issue.path.length > 0));
  const at = (issue: Issue): Issue => ({ ...issue, path: [...local, ...issue.path] });
  if (deeper) return problemsOf(deeper.map(at), data, base, keysAt);
  const sameType = branches.find((branch) => branch[0] && branch[0].code !== 'invalid_type');
  const texts = sameType ? [expected(sameType[0] as Issue)] : branches.map((branch) => (branch[0] ? expected(branch[0]) : '?'));
  return [{ path: [...base, ...local], message: `expected ${[...new Set(texts)].join(' or ')}, got ${shown(valueAt(data, local))}` }];
}
