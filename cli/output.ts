/** Text for the terminal: tables, messages, names of jobs. */
import { relative } from 'node:path';
import type { Planned } from '../harness/run/plan.ts';

/** With `--json`, standard output is for JSON alone and messages go to standard error. */
const messages = process.argv.includes('--json') ? process.stderr : process.stdout;

/** Whether colours and moving lines are wanted. */
export const isTerminal = messages === process.stdout && process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

const paint = (code: number) => (text: string) => (isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);

export function print(text = ''): void {
  messages.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${red('error')} ${text}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** A path as the reader can use it: relative where it is below the current folder. */
export function shownPath(path: string): string {
  const short = relative('.', path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** Columns as wide as their widest cell; those whose index is in `right` are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [bold(line(head)), ...rows.map(line)].join('\n');
}

/** `pgd on trades`, or the name of a model. */
export function jobName(planned: Planned): string {
  if (planned.kind === 'cell')
    return `${planned.label}${planned.label === 'clean' ? '' : ` ${planned.threat.norm} ${shortEps(planned.threat.eps)}`} on ${planned.model.job.name}`;
  const verb = { training: 'train', wrapper: 'wrap', pretrained: 'load' }[planned.job.origin.by];
  return `${verb} ${planned.job.name}`;
}

function shortEps(eps: number): string {
  const levels = eps * 255;
  return Math.abs(levels - Math.round(levels)) < 1e-4 && eps < 0.5 ? `${Math.round(levels)}/255` : String(Number(eps.toPrecision(4)));
}
