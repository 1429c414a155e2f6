/** Suite files as data: YAML 1.2 in UTF-8, within limits that keep every mistake, and every trap, a message with its line. */
import { type Document, isAlias, isCollection, isMap, isScalar, Lexer, LineCounter, type Node, parseDocument, type ScalarTag } from 'yaml';
import { readStart } from './files.ts';
import { type Source, SuiteError } from './problems.ts';

/** Longest suite. */
const MOST_BYTES = 2 ** 20;
/** Most words and marks: a parser takes some 20 microseconds for each. */
const MOST_TOKENS = 100_000;
/** Deepest nesting of lists and keys, aliases unfolded. */
const DEEPEST = 64;
/** Most values, aliases unfolded. */
const MOST_VALUES = 100_000;

/** A decimal number; linear, because no digit can be read in two ways. */
const NUMBER = '(?:\\d+(?:\\.\\d+)?|\\.\\d+)';

/** Text of a fraction such as `8/255`. */
export const FRACTION = `^[-+]?${NUMBER}\\s*/\\s*${NUMBER}$`;

/** `8/255` and other plain fractions are numbers anywhere in a suite. */
const fraction: ScalarTag = {
  tag: 'tag:rampart:fraction',
  default: true,
  test: new RegExp(FRACTION),
  resolve(text, onError) {
    const [over, under] = text.split('/').map(Number) as [number, number];
    if (under === 0) onError(`${text} divides by zero`);
    return over / under;
  },
};

/** The text of a suite file, at most 1 MB of UTF-8. */
export function readSuiteText(file: string): string {
  const bytes = readStart('suite', file, MOST_BYTES);
  if (bytes.length > MOST_BYTES) throw tooLong(file);
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') throw new SuiteError(`[suite] ${file}: expected UTF-8, got UTF-16; save it as UTF-8`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new SuiteError(`[suite] ${file}: expected UTF-8, got bytes that are none; save it as UTF-8`);
  }
}

const tooLong = (file: string) => new SuiteError(`[suite] ${file}: expected at most ${MOST_BYTES} bytes, got more`);

/** YAML text as data, with what is needed to tell the line of a problem. Throws a `SuiteError` on what is no YAML, or beyond its limits. */
export function parseSuiteYaml(text: string, file: string): { source: Source; data: unknown } {
  if (Buffer.byteLength(text) > MOST_BYTES) throw tooLong(file);
  checkCharacters(text, file);
  checkTokens(text, file);
  const lines = new LineCounter();
  const document = parsed(text, file, lines);
  const at = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`;
  const faults = [...document.errors, ...document.warnings].map((e) => `${at(e.pos[0])}: ${e.message}`);
  if (faults.length > 0) throw notYaml(faults);
  const { version } = document.directives?.yaml ?? {};
  if (version !== '1.2') throw notYaml([`${at(0)}: expected YAML 1.2, got ${version}`]);
  if (document.contents) new Measure((node, what) => notYaml([`${at(node.range?.[0])}: ${what}`])).of(document.contents, 1);
  return { source: { file, document, lines }, data: document.toJS({ maxAliasCount: -1 }) };
}

/** Faults shown: after those of one slip, the rest is of no use. */
const SHOWN = 8;

function notYaml(faults: readonly string[]): SuiteError {
  const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : [];
  return new SuiteError(`[suite] not valid YAML: ${[...faults.slice(0, SHOWN), ...more].join('\n  ')}`);
}

function parsed(text: string, file: string, lineCounter: LineCounter): Document {
  try {
    return parseDocument(text, { customTags: (tags) => [fraction, ...tags], lineCounter, prettyErrors: false, resolveKnownTags: false });
  } catch (cause) {
    throw notYaml([`${file}: ${(cause as Error).message}`]);
  }
}

/** YAML has no control characters but tab and the ends of lines. */
function checkCharacters(text: string, file: string): void {
  const found = /[^\P{Cc}\t\n\r\x85]|[\ufffe\uffff]/u.exec(text);
  if (!found) return;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const line = text.slice(0, found.index).split('\n').length;
  throw notYaml([`${file}:${line}: expected text, got the control character U+${code}`]);
}

/**
 * Bounds what the parser will do before it does it: it recurses as deep as the text nests, and a full stack can end the process.
 * Depth is that of brackets, of growing indents, and of marks (`- - -`) within a line; lexing is linear and needs no stack.
 */
function checkTokens(text: string, file: string): void {
  let [count, line, brackets, marks] = [0, 1, 0, 0];
  const indents: number[] = [];
  let startsLine = true;
  for (const token of new Lexer().lex(text)) {
    if (++count > MOST_TOKENS) throw notYaml([`${file}:${line}: expected at most ${MOST_TOKENS} words and marks`]);
    if (startsLine && token !== '\n' && token !== '\r\n') nest(indents, /^ +$/.test(token) ? token.length : 0);
    if (token === '[' || token === '{') brackets++;
    else if (token === ']' || token === '}') brackets--;
    else if (token === '-' || token === '?' || token === ':') marks++;
    else if (token === ',' && brackets > 0) marks = 0; // the next entry lies beside this one, not in it
    startsLine = token.endsWith('\n');
    if (startsLine) marks = 0;
    if (Math.max(brackets, marks, indents.length) > DEEPEST)
      throw notYaml([`${file}:${line}: expected lists and keys at most ${DEEPEST} deep`]);
    line += token.split('\n').length - 1;
  }
}

/** Leaves on the stack of indents those that the line with `indent` is below. */
function nest(indents: number[], indent: number): void {
  while ((indents.at(-1) ?? -1) >= indent) indents.pop();
  indents.push(indent);
}

interface Size {
  readonly values: number;
  readonly height: number;
}

type Fault = (node: Node, what: string) => SuiteError;

/** Measures a document with its aliases unfolded, without unfolding them; throws at what no suite needs. */
class Measure {
  /** Of every anchor that was passed; undefined while what it names is being read. */
  readonly #anchors = new Map<string, Size | undefined>();
  readonly #fault: Fault;

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  /** `depth` counts from 1. */
  of(node: Node, depth: number): Size {
    const anchor = isScalar(node) || isCollection(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, undefined);
    const size = isAlias(node) ? this.#alias(node, node.source) : this.#parts(node, depth);
    if (depth + size.height > DEEPEST) throw this.#fault(node, `expected lists and keys at most ${DEEPEST} deep`);
    if (size.values > MOST_VALUES)
      throw this.#fault(node, `expected at most ${MOST_VALUES} values, got ${size.values} with what aliases repeat`);
    if (anchor !== undefined) this.#anchors.set(anchor, size);
    return size;
  }

  #alias(node: Node, name: string): Size {
    const size = this.#anchors.get(name);
    if (size) return size;
    if (this.#anchors.has(name)) throw this.#fault(node, `the alias *${name} stands inside of what it names`);
    const known = [...this.#anchors.keys()].map((anchor) => `&${anchor}`).join(', ');
    throw this.#fault(node, `unknown alias *${name}; known before it: ${known || 'none'}`);
  }

  #parts(node: Node, depth: number): Size {
    if (!isCollection(node)) return { values: 1, height: 0 };
    if (isMap(node)) for (const { key } of node.items) this.#key(node, key);
    const children = node.items.map((item) => (isMap(node) ? (item as { value: unknown }).value : item));
    const sizes = children.flatMap((child) => (child ? [this.of(child as Node, depth + 1)] : []));
    return {
      values: sizes.reduce((sum, { values }) => sum + values, 1),
      height: 1 + Math.max(0, ...sizes.map(({ height }) => height)),
    };
  }

  #key(node: Node, key: unknown): void {
    if (!isScalar(key)) throw this.#fault(node, 'expected a word as a key, got a list, keys or an alias');
    if (key.value === '<<') throw this.#fault(key, 'merge keys (<<) are not read; expected the keys themselves');
    if (key.value === '__proto__') throw this.#fault(key, 'unknown key "__proto__"');
  }
}
