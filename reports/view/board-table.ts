/** The leaderboard as a table: the same columns on the page, in CSV, JSON, LaTeX and Markdown. */
import type { CellRecord } from '../../records/record.ts';
import { radius } from '../formats/format.ts';
import type { Table } from '../formats/table.ts';
import type { ColumnSpec } from './column.ts';
import { AFTER, BEFORE } from './columns.ts';
import { errorDistance, errorsOf } from './images.ts';
import { type AttackView, type Board, imagesNote, isBounded, isClean, isDone, type Row } from './view.ts';

/** A column of one board. */
export interface BoardColumn extends Omit<ColumnSpec, 'section' | 'shown'> {
  /** Where the model's page holds its evidence; empty for the page itself. */
  readonly anchor: string;
  readonly shown: boolean;
  /** The attack whose cells are the column's. */
  readonly attack?: AttackView;
}

/** Where a cell of this board is explained on its model's page. */
export const attackAnchor = (attack: AttackView, board: Board, first: boolean) =>
  first || isClean(attack) ? attack.slug : `${attack.slug}-${board.id}`;

/** All columns of a board. `first` says that it is the front page's. */
export function boardColumns(board: Board, first: boolean): BoardColumn[] {
  const made = ({ section, shown, ...rest }: ColumnSpec): BoardColumn => ({
    ...rest,
    anchor:
      !first && (section === 'worst' || section === 'overfitting' || section === 'cells') ? `${section}-${board.id}` : (section ?? ''),
    shown: typeof shown === 'boolean' ? shown : shown(board),
  });
  const all = [...BEFORE.map(made), ...board.attacks.flatMap((attack) => attackColumns(board, attack, first)), ...AFTER.map(made)];
  return all.filter(({ optional, shown }) => shown || !optional);
}

/** Accuracy under one attack; where it saw other images than most, their number in the files too. */
function attackColumns(board: Board, attack: AttackView, first: boolean): BoardColumn[] {
  const cellOf = (row: Row) => {
    const cell = row.cells.get(attack.id);
    return cell?.status === 'done' ? cell : undefined;
  };
  const anchor = attackAnchor(attack, board, first);
  const clean = isClean(attack);
  const bounded = isBounded(attack);
  const accuracy: BoardColumn = {
    key: attack.label,
    title: clean ? 'Clean' : bounded ? attack.label : `${attack.label} (no radius)`,
    kind: 'accuracy',
    anchor,
    shown: true,
    group: 'attack',
    attack,
    help: clean
      ? 'Percent of test images classified right without an attack.'
      : `Percent still classified right under ${attack.attack.title}.${bounded ? '' : ' Its points may be at any distance: it is in no worst case. Beside it, the mean distance of its errors.'}`,
    value: (r) => cellOf(r)?.accuracy ?? null,
    note: (r) => {
      const cell = cellOf(r);
      const distance = cell && !bounded ? errorDistance(cell) : undefined;
      return cell && ([imagesNote(cell.n, board), distance && `at ${distance.toPrecision(3)}`].filter(Boolean).join(' ') || undefined);
    },
  };
  const measured = [accuracy, ...(bounded ? [] : apartColumns(accuracy, cellOf))];
  if (countsOf(board, attack).every((n) => n === board.n)) return measured;
  const images: BoardColumn = {
    key: `${attack.label}_n`,
    title: `${accuracy.title}, images`,
    kind: 'count',
    wide: true,
    filesOnly: true,
    anchor,
    shown: false,
    group: 'attack',
    help: `Test images of ${attack.label}.`,
    value: (r) => cellOf(r)?.n ?? null,
  };
  return [...measured, images];
}

/** Of an attack without a radius, for files: how far its errors are, and what is left where those outside of the ball are not counted. */
function apartColumns(accuracy: BoardColumn, cellOf: (row: Row) => CellRecord | undefined): BoardColumn[] {
  const inFiles = { ...accuracy, wide: true, filesOnly: true, shown: false, note: undefined } as const;
  return [
    {
      ...inFiles,
      key: `${accuracy.key}_distance`,
      title: `${accuracy.title}, distance`,
      kind: 'number',
      help: `Mean distance of the errors of ${accuracy.key}.`,
      value: (r) => {
        const cell = cellOf(r);
        return (cell && errorDistance(cell)) ?? null;
      },
    },
    {
      ...inFiles,
      key: `${accuracy.key}_inside`,
      title: `${accuracy.title}, inside`,
      help: `Percent still classified right under ${accuracy.key} where errors outside of the ball are not counted.`,
      value: (r) => {
        const cell = cellOf(r);
        return cell ? 1 - errorsOf(cell).filter((d) => d <= cell.threat.eps).length / cell.n : null;
      },
    },
  ];
}

/** How many images the cells of an attack are of, ascending, each number once. */
function countsOf(board: Board, attack: AttackView): number[] {
  const counts = board.rows.flatMap((r) => {
    const cell = r.cells.get(attack.id);
    return isDone(cell) ? [cell.n] : [];
  });
  return [...new Set(counts)].sort((a, b) => a - b);
}

/** `pgd on 30, square on 6` for the attacks whose cells are of other images than most; empty where none is. */
export function unevenImages(board: Board): string {
  return board.attacks
    .flatMap((attack) => {
      const counts = countsOf(board, attack);
      return counts.every((n) => n === board.n) ? [] : [`${attack.label} on ${counts.join(' to ')}`];
    })
    .join(', ');
}

/** How many images the worst cases rest on: `200`, or `6 to 30`; undefined without any. */
export function worstCaseImages(board: Board): string | undefined {
  const counts = [...new Set(board.rows.flatMap((r) => r.worst?.n ?? []))].sort((a, b) => a - b);
  return counts.length > 0 ? [...new Set([counts[0], counts.at(-1)])].join(' to ') : undefined;
}

/** The whole board, one row per model in its order. */
export function boardTable(board: Board, columns: readonly BoardColumn[]): Table {
  const uneven = unevenImages(board);
  return {
    name: 'leaderboard',
    caption: `Robust accuracy in percent on ${board.dataset.name} at ${board.threat.norm} ${radius(board.threat.eps)}, ${worstCaseImages(board) ?? 'no'} test images${uneven && ` (${uneven}, the others on ${board.n})`}: worst case per image over all attacks, with its 95 % Wilson interval. A rank like 1–3 is what the tests leave open (paired McNemar tests, Holm-corrected, 5 %).`,
    columns: columns.map(({ key, title, kind, wide }) => ({ key, title, kind, ...(wide ? { wide } : {}) })),
    rows: board.rows.map((row) => columns.map((c) => c.value(row))),
  };
}
