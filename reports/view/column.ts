/** What a column of the leaderboard is. */
import { compact } from '../formats/format.ts';
import type { Column, Value } from '../formats/table.ts';
import type { Board, Row } from './view.ts';

export interface ColumnSpec extends Column {
  /** The section of the model's page that holds the evidence: those of `worst`, `overfitting` and `cells` are one per board; none is the page itself. */
  readonly section?: 'worst' | 'overfitting' | 'corruptions' | 'cells' | 'cost' | 'recipe' | 'seeds' | 'flags';
  readonly group: 'model' | 'robustness' | 'attack' | 'cost' | 'more';
  /** Whether a reader sees it without asking for it; asked of the board. */
  readonly shown: boolean | ((board: Board) => boolean);
  /** Not there at all where it is not shown. */
  readonly optional?: true;
  /** In files only: on the page its value stands beside another one. */
  readonly filesOnly?: true;
  /** On the page it sorts and aligns as a number though it is text. */
  readonly numeric?: true;
  /** Not linked, because the model's page says no more about it. */
  readonly plain?: true;
  /** For the column chooser and as the tooltip of the heading. */
  readonly help: string;
  value(row: Row): Value;
  /** How a number is written on the page; rounded as in every table unless given. */
  print?(value: number): string;
  /** What stands beside the value on the page. */
  note?(row: Row, board: Board): string | undefined;
  /** Drawn as a bar behind the value. */
  readonly bar?: true;
}

/** Shown where a row has it. */
export const some = (has: (row: Row) => unknown) => (board: Board) => board.rows.some((row) => Boolean(has(row)));

/** Shown where rows differ in it. */
export const distinct = (value: (row: Row) => string) => (board: Board) => new Set(board.rows.map(value)).size > 1;

/** A count, to three figures where it is long. */
export const short = (x: number) => (x >= 10_000 ? compact(x) : String(x));
