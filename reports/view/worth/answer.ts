/** What compute buys, as a person would say it: the cheapest way to the robustness of the best, what twice its training adds, what half of it costs, and where nothing can be told apart. */
import { percent } from '../../formats/format.ts';
import { type DefensePair, differs } from '../seeds/compare.ts';
import { pairOf } from '../seeds/rows.ts';
import { differenceText } from '../seeds/tables.ts';
import type { Board, DefenseRow } from '../view.ts';

/** Costs within this factor are the same: passes of whole batches are never exactly twice others. */
const SAME = 1.05;

type Compared = Pick<Board, 'defenses' | 'defensePairs'>;
type Priced = DefenseRow & { readonly ratio: number };

const pricedOf = (rows: readonly DefenseRow[]) => rows.filter((row): row is Priced => row.ratio !== undefined);

/** Row `a` minus row `b`. */
const between = ({ defenses, defensePairs }: Compared, a: DefenseRow, b: DefenseRow) =>
  pairOf(defensePairs, defenses.indexOf(a), defenses.indexOf(b));

/** Those that cannot be told apart from the first. */
const tiesOf = (board: Compared) =>
  board.defenses.slice(1).filter((row) => {
    const pair = between(board, board.defenses[0] as DefenseRow, row);
    return pair !== undefined && !differs(pair);
  });

/** `at 12 × the undefended training`, or after the first time `at 12 ×`. */
function costText({ ratio }: Priced, of = ''): string {
  return `${Number(ratio.toPrecision(2))} ×${of}`;
}

/** `1.2 [−0.5 to 2.9] points ahead`, behind where the difference is negative, and level where it is rounded to none. */
function gapText(pair: DefensePair): string {
  if (percent(Math.abs(pair.difference)) === '0.0') return `level, ${differenceText({ ...pair, difference: 0 })} points`;
  if (pair.difference >= 0) return `${differenceText(pair)} points ahead`;
  const [low, high] = pair.interval;
  return `${differenceText({ ...pair, difference: -pair.difference, interval: [-high, -low] })} points behind`;
}

/** Sentences in the order of a reader's questions; none where costs are not known. */
export function computeBuys(board: Compared): string[] {
  const [best] = board.defenses;
  const ties = tiesOf(board);
  const choice = pricedOf(best ? [best, ...ties] : []).sort((a, b) => a.ratio - b.ratio)[0];
  if (!best || !choice) return [];
  if (board.defenses.length === 1) return ['It is the only defense here: there is nothing to weigh its cost against.'];
  return [cheapest(board, choice, ties), alike(board), doubled(board, choice), halved(board, choice)].filter((text) => text !== undefined);
}

function cheapest(board: Compared, choice: Priced, ties: readonly DefenseRow[]): string | undefined {
  const [best] = board.defenses;
  if (choice === best) return ties.length > 0 ? 'It is the cheapest of these.' : undefined;
  const pair = between(board, choice, best as DefenseRow);
  return `The cheapest way to its robustness, as far as can be told, is ${choice.name} at ${costText(choice, ' the undefended training')}: ${pair ? gapText(pair) : ''}.`;
}

function alike({ defenses, defensePairs }: Compared): string | undefined {
  if (defensePairs.some(differs)) return undefined;
  return defenses.length === 2 ? 'The two defenses cannot be told apart.' : `No two of the ${defenses.length} defenses can be told apart.`;
}

/** The most robust of the others whose cost is over `low` and up to `high` times that of `choice`. */
function bestWithin({ defenses }: Compared, choice: Priced, low: number, high: number): Priced | undefined {
  return pricedOf(defenses).find((d) => d !== choice && d.ratio > low * choice.ratio && d.ratio <= high * choice.ratio);
}

function doubled(board: Compared, choice: Priced): string | undefined {
  const dearer = bestWithin(board, choice, SAME, 2 * SAME);
  if (!dearer) {
    const beyond = bestWithin(board, choice, 2 * SAME, Number.POSITIVE_INFINITY);
    const pair = beyond && between(board, beyond, choice);
    return beyond && pair
      ? `Twice its training was not tried; ${beyond.name} at ${costText(beyond)}: ${gapText(pair)}.`
      : 'Nothing here costs more.';
  }
  const pair = between(board, dearer, choice);
  if (!pair) return undefined;
  const found = `${dearer.name} at ${costText(dearer)}, ${gapText(pair)}`;
  if (!differs(pair)) return `Up to twice its training buys nothing that can be told apart: ${found}.`;
  return `Up to twice its training buys ${pair.difference > 0 ? 'more' : 'less'}: ${found}.`;
}

function halved(board: Compared, choice: Priced): string | undefined {
  const cheaper = bestWithin(board, choice, 0, SAME / 2);
  const pair = cheaper && between(board, cheaper, choice);
  return cheaper && pair && `For half or less: ${cheaper.name} at ${costText(cheaper)}, ${gapText(pair)}.`;
}
