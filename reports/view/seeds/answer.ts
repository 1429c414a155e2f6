/** The first thing that a reader wants to know of defenses: which is best, and which cannot be told apart from it. */
import { interval, percent } from '../../formats/format.ts';
import { rankText } from '../ranking.ts';
import type { Board, DefenseRow } from '../view.ts';
import { differs } from './compare.ts';
import { pairOf } from './rows.ts';
import { differenceText } from './tables.ts';

/** As the template of a board takes it. */
export interface Answer {
  readonly name: string;
  readonly accuracy: string;
  readonly interval: string;
  /** `3 seeds`, or `one seed`. */
  readonly seeds: string;
  /** Whether only images are covered. */
  readonly alone: boolean;
  readonly n: number;
  readonly rank: string;
  readonly ratio: string | undefined;
  /** Not told apart from the first. */
  readonly ties: string | undefined;
  /** The best that is told apart, where there is one. */
  readonly next: { readonly name: string; readonly difference: string } | undefined;
}

const times = (ratio: number | undefined) => (ratio === undefined ? undefined : String(Number(ratio.toPrecision(2))));

function listed(rows: readonly DefenseRow[]): string | undefined {
  const names = rows.slice(0, 3).map(({ name }) => name);
  if (rows.length > 3) names.push(`${rows.length - 3} more`);
  return names.length < 2 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Undefined where nothing is ranked. */
export function answerOf({ defenses, defensePairs }: Pick<Board, 'defenses' | 'defensePairs'>): Answer | undefined {
  const [best, ...others] = defenses;
  if (!best) return undefined;
  const behind = others.flatMap((row, k) => {
    const pair = pairOf(defensePairs, 0, k + 1);
    return pair ? [{ row, pair }] : [];
  });
  const tied = behind.filter(({ pair }) => !differs(pair));
  const next = behind.find(({ pair }) => differs(pair));
  return {
    name: best.name,
    accuracy: percent(best.accuracy),
    interval: interval(best.interval),
    seeds: best.rows.length > 1 ? `${best.rows.length} seeds` : 'one seed',
    alone: best.rows.length === 1,
    n: best.n,
    rank: rankText(best.rank),
    ratio: times(best.ratio),
    ties: listed(tied.map(({ row }) => row)),
    next: next && { name: next.row.name, difference: differenceText(next.pair) },
  };
}
