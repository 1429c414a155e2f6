/** The final table of a run: what the leaderboard says, in text. */
import type { RampartRecord } from '../records/record.ts';
import { duration, percent } from '../reports/formats/format.ts';
import { type Board, boardTitle, buildView, cellText, type Row } from '../reports/view/leaderboard.ts';
import { bold, table } from './output.ts';

/** One table per data set and threat model: clean, every attack, the worst case per example, and what training and attacks cost. */
export function summary(records: readonly RampartRecord[]): string {
  return buildView(records)
    .boards.map((board) => `${bold(boardTitle(board))}\n${boardTable(board)}`)
    .join('\n\n');
}

function boardTable(board: Board): string {
  const attacks = board.attacks.filter((a) => a.attack.name !== 'clean');
  const head = ['model', 'clean', ...attacks.map((a) => a.label), 'worst case', '95 %', 'training', 'attacks'];
  const rows = board.rows.map((row) => [
    row.model.name,
    row.clean ? percent(row.clean.accuracy) : '-',
    ...attacks.map((a) => {
      const cell = row.cells.get(a.id);
      return cell ? cellText(cell) : '-';
    }),
    ...worst(row),
    row.model.record.cost.wallMs > 0 ? duration(row.model.record.cost.wallMs) : '-',
    duration(row.attackCost.wallMs),
  ]);
  const numeric = new Set(head.map((_, i) => i).slice(1));
  return table(head, rows, numeric);
}

function worst({ worst: w }: Row): [string, string] {
  return w ? [percent(w.accuracy), `${percent(w.interval[0])}-${percent(w.interval[1])}`] : ['-', '-'];
}
