/** Options that several commands share, checked: cac gives what the shell gave. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RampartError } from '../errors.ts';
import { packageRoot } from '../harness/job/provenance.ts';
import { MOST_BATCH } from '../harness/suite/most.ts';
import type { Suite } from '../harness/suite/suite.ts';

export interface RawOptions {
  data?: string;
  out?: string;
  engine?: string;
  workers?: unknown;
  threads?: unknown;
  precision?: unknown;
  download?: boolean;
  json?: boolean;
  verbose?: boolean;
  trust?: boolean;
  queue?: string;
  shard?: unknown;
  timeout?: unknown;
  lostAfter?: unknown;
  untilDone?: boolean;
  wait?: unknown;
  price?: unknown;
}

/** What a user mistyped: exit code 2. */
export class UsageError extends RampartError {}

/** A positive whole number, or undefined where the option is not given. */
export function countOption(name: string, value: unknown, most = MOST_BATCH): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= most) return value;
  const range = typeof value === 'number' && value > most ? ` up to ${most}` : '';
  throw new UsageError(`[--${name}] expected a positive whole number${range}, got ${JSON.stringify(value)}`);
}

/** cac makes numbers of what looks like one, so a folder named `2026` is one. */
function textOption(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number') return String(value);
  throw new UsageError(`[--${name}] expected one value, got ${JSON.stringify(value)}`);
}

/** `H100=2.5, EPYC=0.4`: what an hour of a device costs whose name has that in it. */
export function pricesOf(options: RawOptions): { device: string; perHour: number }[] {
  const given = textOption('price', options.price)?.split(',') ?? [];
  return given.map((pair) => {
    const [, device = '', amount = ''] = /^\s*(.*\S)\s*=\s*([\d.]+)\s*$/.exec(pair) ?? [];
    const perHour = amount === '' ? Number.NaN : Number(amount);
    if (Number.isFinite(perHour) && perHour > 0) return { device, perHour };
    throw new UsageError(`[--price] expected DEVICE=AMOUNT, such as H100=2.5, got ${JSON.stringify(pair)}`);
  });
}

export function dataDirOf(options: RawOptions): string {
  return resolve(textOption('data', options.data) ?? 'data');
}

/** `--out`, else `runs/<name of the suite>`. */
export function outOf(options: RawOptions, suite: Pick<Suite, 'name'>): string {
  return folderOf(options) ?? resolve('runs', suite.name);
}

/** `--out` where it is given. */
export function folderOf(options: RawOptions): string | undefined {
  const out = textOption('out', options.out);
  return out === undefined ? undefined : resolve(out);
}

/** The address of a queue, also from the environment: it may hold a password, which a list of processes shows of an option until this is called. */
export function queueOf(options: RawOptions): string | undefined {
  const given = textOption('queue', options.queue);
  // what a list shows are the words that the process was started with, unless it has a title
  if (given?.includes('@')) process.title = `rampart ${process.argv[2] ?? ''}`;
  return given ?? process.env.RAMPART_QUEUE;
}

/** How long a Redis that does not answer yet is waited for, in ms. */
export function patienceOf(options: RawOptions): number {
  return 1000 * (countOption('wait', options.wait, 86_400) ?? 20);
}

export function engineOf(options: RawOptions): string | undefined {
  return textOption('engine', options.engine);
}

/** The suite file of the command line; `suites/quick.yml` of this package when none is given. A bare name is looked up in the package's suites. */
export function suiteFile(given: string | undefined): string {
  const own = (name: string) => join(packageRoot(), 'suites', name);
  if (given === undefined) return own('quick.yml');
  if (existsSync(given)) return given;
  const named = own(given.endsWith('.yml') ? given : `${given}.yml`);
  return existsSync(named) && !given.includes('/') ? named : given;
}
