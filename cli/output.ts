/** Text for the terminal: tables, messages, names of jobs. */
import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import type { Planned, PlannedCell } from '../harness/run/plan.ts';

/** With `--json`, standard output is for JSON alone and messages go to standard error. */
const messages = process.argv.includes('--json') ? process.stderr : process.stdout;

/** Whether colours and moving lines are wanted. */
export const isTerminal = messages === process.stdout && process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

/** Stands for ESC in the colours of this process: no text from elsewhere can hold it, so that none can pass for a colour. */
const ESCAPE = `\x1b${randomBytes(12).toString('hex')}`;

/** Control characters, and those that turn or break a line: a terminal obeys them. */
const ACTIVE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** One line in which nothing acts: names, titles and messages come from suites, plug-ins and records of others. Colours of ours stay. */
export function inert(text: string): string {
  return text
    .split(ESCAPE)
    .map((part) => part.replace(ACTIVE, '\ufffd'))
    .join(ESCAPE);
}

const paint = (code: number) => (text: string) => (isTerminal ? `${ESCAPE}[${code}m${inert(text)}${ESCAPE}[0m` : inert(text));
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);

/** Text without its colours. */
export function uncoloured(text: string): string {
  const [start = '', ...rest] = text.split(ESCAPE);
  return [start, ...rest.map((part) => part.replace(/^\[\d+m/, ''))].join('');
}

/** Everything that is written to a terminal as text goes through here, line by line. */
function write(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(`${lines.map((line) => inert(line).replaceAll(ESCAPE, '\x1b')).join('\n')}\n`);
}

/** One line. */
export function print(text = ''): void {
  write(messages, [text]);
}

/** Lines that are ours to break: a table, a list. What others gave must be `inert` in them. */
export function printBlock(text: string): void {
  write(messages, text.split('\n'));
}

/** A line in the place of the one before, on a terminal. */
export function printOver(text: string, last: boolean): void {
  messages.write(`\r\x1b[K${inert(text).replaceAll(ESCAPE, '\x1b')}${last ? '\n' : ''}`);
}

/** A message; its further lines are set in, so that none can pass for a line of its own. */
export function printError(text: string, kind: 'error' | 'note' = 'error'): void {
  const [first = '', ...more] = text.split(/\r?\n/);
  write(process.stderr, [`${red(kind)} ${first}`, ...more.map((line) => (line.startsWith('  ') ? line : `  ${line}`))]);
}

/** What a worker printed, as lines. */
export function printOutput(text: string): void {
  write(process.stderr, text.replace(/\r?\n$/, '').split(/\r?\n/));
}

/** JSON; the characters that a terminal obeys are escaped in it, which changes no value. */
export function printJson(value: unknown): void {
  const escaped = (c: string) => (c === '\n' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  process.stdout.write(`${JSON.stringify(value, null, 2).replace(ACTIVE, escaped)}\n`);
}

/** A path as the reader can use it: relative where it is below the current folder. */
export function shownPath(path: string): string {
  const short = relative('.', path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** Columns as wide as their widest cell; those whose index is in `right` are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const cells = rows.map((row) => row.map(inert));
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [bold(line(head)), ...cells.map(line)].join('\n');
}

/** `pgd on trades`, or the name of a model. */
export function jobName(planned: Planned): string {
  if (planned.kind === 'cell') return `${planned.label}${ball(planned)} on ${planned.model.job.name}`;
  const verb = { training: 'train', wrapper: 'wrap', pretrained: 'load', torchscript: 'load', outside: 'ask' }[planned.job.origin.by];
  return `${verb} ${planned.job.name}`;
}

/** Where an attack searches; of what is no attack nothing. */
function ball({ label, threat }: PlannedCell): string {
  return label === 'clean' || threat.kind === 'corruption' ? '' : ` ${threat.norm} ${shortEps(threat.eps)}`;
}

function shortEps(eps: number): string {
  const levels = eps * 255;
  return Math.abs(levels - Math.round(levels)) < 1e-4 && eps < 0.5 ? `${Math.round(levels)}/255` : String(Number(eps.toPrecision(4)));
}
