/** `rampart eval`: one model from a file of weights, attacked as a suite of it alone would be. */
import { basename, extname } from 'node:path';
import { stringify } from 'yaml';
import { resolveSuite } from '../../harness/suite/read.ts';
import { slug } from '../../records/slug.ts';
import { percent } from '../../reports/formats/format.ts';
import { boardTitle, type View } from '../../reports/view/view.ts';
import { type RawOptions, UsageError } from '../options.ts';
import { bold, print } from '../output.ts';
import { runResolved } from './run.ts';

export interface EvalOptions extends RawOptions {
  arch?: unknown;
  dataset?: unknown;
  threat?: unknown;
  attacks?: unknown;
  n?: unknown;
  mean?: unknown;
  std?: unknown;
  normalization?: unknown;
  bnEps?: unknown;
  expect?: unknown;
  expectLogits?: unknown;
}

/** Resolves with the exit code, after the line that says the number. */
export async function evalCommand(weights: string, options: EvalOptions, signal: AbortSignal): Promise<number> {
  const { suite, registry } = await resolveSuite(stringify(suiteOf(weights, options)), 'eval');
  const { code, view } = await runResolved(suite, registry, options, signal);
  if (!options.json) for (const line of answers(view)) print(line);
  return code;
}

/** The suite file that says the same. What the options name is checked as everything in a suite is. */
export function suiteOf(weights: string, options: EvalOptions): Record<string, unknown> {
  const { n, normalization, bnEps, expect, expectLogits } = options;
  const known = { ...(expect !== undefined && { clean: expect }), ...(expectLogits !== undefined && { logits: expectLogits }) };
  const name = slug(basename(weights, extname(weights))) || 'model';
  const dataset = required('dataset', options.dataset, 'cifar10');
  return {
    name: `eval-${name}`,
    title: `${name} on ${dataset}`,
    datasets: [{ name: dataset, train: 1, ...(n !== undefined && { test: n }) }],
    threats: threatsOf(required('threat', options.threat, 'Linf:8/255')),
    models: [
      {
        name,
        weights,
        arch: required('arch', options.arch, 'wrn-28-10'),
        ...numbers('mean', options.mean),
        ...numbers('std', options.std),
        ...(normalization !== undefined && { normalization }),
        ...(bnEps !== undefined && { bnEps }),
        ...(Object.keys(known).length > 0 && { expect: known }),
      },
    ],
    attacks: options.attacks === undefined ? ['autoattack'] : listOf(String(options.attacks)),
    keepExamples: 8,
  };
}

function required(name: string, value: unknown, example: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`[eval] --${name} is missing, such as --${name} ${example}`);
}

const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

function numbers(name: 'mean' | 'std', value: unknown): Record<string, number[]> {
  if (value === undefined) return {};
  const given = listOf(String(value)).map(Number);
  if (given.length === 0 || !given.every(Number.isFinite)) throw new UsageError(`[--${name}] expected numbers with commas, got "${value}"`);
  return { [name]: given };
}

/** `Linf:8/255,Linf:4/255,L2:0.5` as the threats of a suite: one entry a norm, its radii together. */
function threatsOf(text: string): { norm: string; eps: number[] }[] {
  const threats = new Map<string, number[]>();
  for (const part of listOf(text)) {
    const [norm = '', radius = '', ...more] = part.split(':');
    const [over = Number.NaN, under = 1, ...rest] = radius.split('/').map((v) => (v.trim() === '' ? Number.NaN : Number(v)));
    const eps = over / under;
    if (more.length > 0 || rest.length > 0 || !Number.isFinite(eps))
      throw new UsageError(`[--threat] expected norm:radius such as Linf:8/255, got "${part}"`);
    threats.set(norm, [...(threats.get(norm) ?? []), eps]);
  }
  return [...threats].map(([norm, eps]) => ({ norm, eps }));
}

/** One line a threat: the number, its interval, on how many images, and the flags. */
function answers({ boards }: View): string[] {
  return boards.flatMap((board) =>
    board.rows.map(({ worst, flags }) => {
      const names = [...new Set(flags.map((f) => f.flag.name))];
      const flagged = names.length > 0 ? `; flags: ${names.join(', ')}` : '';
      if (!worst) return `${bold('no robust accuracy')} on ${boardTitle(board)}${flagged}`;
      const interval = `${percent(worst.interval[0])}-${percent(worst.interval[1])}`;
      return `${bold(`robust accuracy ${percent(worst.accuracy)} %`)} (95 %: ${interval}) on ${worst.n} images, ${boardTitle(board)}${flagged}`;
    }),
  );
}
